// Makes waits that Ctrl-C can end: in the main thread, where Python handles signals, a native wait is cut into slices
// with a look at the signals after each. Other threads wait without slices.
#pragma once

#include <pybind11/pybind11.h>

#include <algorithm>
#include <chrono>

#include "framehop/base/error.hpp"
#include "gil.hpp"

namespace framehop::python {

inline constexpr std::chrono::milliseconds kWaitSlice{100};

// Call this with the GIL held.
inline bool in_main_thread() {
    namespace py = pybind11;
    static const auto main_thread =
        py::module_::import("threading").attr("main_thread")().attr("ident").cast<unsigned long>();
    return PyThread_get_thread_ident() == main_thread;
}

// Converts a timeout in seconds. Refuses NaN and negative values; anything above a day becomes a day.
inline std::chrono::nanoseconds timeout_from_seconds(double seconds) {
    if (!(seconds >= 0.0)) throw Error(Errc::invalid_argument, "timeout_s must be 0 or more seconds");
    return std::chrono::nanoseconds(static_cast<std::int64_t>(std::min(seconds, 86'400.0) * 1e9));
}

// Calls `wait_slice(nanoseconds)` without the GIL until it returns true or the time is up; returns which. The caller
// holds the GIL. Throws error_already_set when a signal handler raised.
template <class WaitSlice>
bool wait_in_slices(double timeout_s, WaitSlice wait_slice) {
    namespace py = pybind11;
    using Clock = std::chrono::steady_clock;
    const auto deadline = Clock::now() + timeout_from_seconds(timeout_s);
    const std::chrono::nanoseconds slice = in_main_thread() ? kWaitSlice : std::chrono::nanoseconds::max();
    for (;;) {
        const auto left = std::max(std::chrono::nanoseconds(0), std::chrono::nanoseconds(deadline - Clock::now()));
        bool done = false;
        {
            const GilRelease release;
            done = wait_slice(std::min(left, slice));
        }
        if (PyErr_CheckSignals() != 0) throw py::error_already_set();
        if (done) return true;
        // Not by `left`, as a signal of another thread may have ended the wait before its time.
        if (Clock::now() >= deadline) return false;
    }
}

}  // namespace framehop::python
