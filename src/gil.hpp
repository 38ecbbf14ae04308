// Releases the GIL for native work, safely for threads that still work when the interpreter ends.
//
// Up to Python 3.13 a thread that asks for the GIL once the interpreter ends is ended by pthread_exit, wherever it
// is. Its unwinding runs into destructors, which must not throw, and the whole process aborts. Ours stops and waits
// instead, as in Python 3.14, until the process is gone: nobody joins a daemon thread.
#pragma once

#include <pybind11/pybind11.h>
#include <unistd.h>

#include <exception>

namespace framehop::python {

[[noreturn]] inline void stand_still() noexcept {
    for (;;) ::pause();
}

// Stops the thread for good when pthread_exit leaves its scope. pthread_exit unwinds without a C++ exception:
// destructors run, but no exception is counted. It cannot be caught everywhere: within a handler of another exception,
// catching it ends the process.
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

// Runs `call`, which takes the GIL or runs Python code, under an ExitGuard.
template <class Call>
void or_stand_still(Call call) {
    ExitGuard guard;
    call();
    guard.over();
}

// Releases the GIL for the length of a scope.
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
