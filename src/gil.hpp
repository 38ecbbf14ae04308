// Native work without the GIL, in threads that the end of the interpreter may catch in the middle of it.
//
// Up to Python 3.13 a thread that asks for the GIL once the interpreter ends is taken down by pthread_exit, wherever it
// stands. Its unwinding meets destructors, which must not throw, and the whole process aborts. Ours stands still
// instead, as Python 3.14 has it, until the process is gone: nobody joins a daemon thread.
#pragma once

#include <cxxabi.h>
#include <pybind11/pybind11.h>
#include <unistd.h>

namespace framehop::python {

[[noreturn]] inline void stand_still() noexcept {
    for (;;) ::pause();
}

// Makes `call`, which takes the GIL or runs Python code. Not checked for null references: pthread_exit unwinds without
// an exception object, so the one that is caught refers to nothing.
template <class Call>
__attribute__((no_sanitize("null"))) void or_stand_still(Call call) {
    try {
        call();
    } catch (abi::__forced_unwind&) {  // swallowing it is not allowed, staying here is
        stand_still();
    }
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
