// Native work without the GIL, in threads that the end of the interpreter may catch in the middle of it.
//
// Up to Python 3.13 a thread that asks for the GIL once the interpreter ends is taken down by pthread_exit, wherever it
// stands. Its unwinding meets destructors, which must not throw, and the whole process aborts. Ours stands still
// instead, as Python 3.14 has it, until the process is gone: nobody joins a daemon thread.
#pragma once

#include <pybind11/pybind11.h>
#include <unistd.h>

#include <exception>

namespace framehop::python {

[[noreturn]] inline void stand_still() noexcept {
    for (;;) ::pause();
}

// Stands still when its scope is left by pthread_exit, which unwinds without a C++ exception: destructors run, and none
// is counted. It cannot be caught everywhere: within a handler of another exception, catching it ends the process.
class ExitGuard {
  public:
    ExitGuard() = default;
    ExitGuard(const ExitGuard&) = delete;
    ExitGuard& operator=(const ExitGuard&) = delete;
    ~ExitGuard() {
        if (!over_ && std::uncaught_exceptions() == uncaught_) stand_still();
    }

    void over() noexcept { over_ = true; }

  private:
    int uncaught_ = std::uncaught_exceptions();
    bool over_ = false;
};

// Makes `call`, which takes the GIL or runs Python code.
template <class Call>
void or_stand_still(Call call) {
    ExitGuard guard;
    call();
    guard.over();
}

// Lets the GIL go for the length of a scope.
class GilRelease {
  public:
    GilRelease() : state_(PyEval_SaveThread()) {}
    GilRelease(const GilRelease&) = delete;
    GilRelease& operator=(const GilRelease&) = delete;
    ~GilRelease() {
        or_stand_still([this] { PyEval_RestoreThread(state_); });
    }

  private:
    PyThreadState* state_;
};

}  // namespace framehop::python
