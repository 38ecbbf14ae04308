// TurboJPEG handles: one compressor per thread.
#pragma once

#include <turbojpeg.h>

#include <memory>

#include "framehop/base/error.hpp"

namespace framehop::codec {

struct DestroyHandle {
    void operator()(void* handle) const noexcept { tjDestroy(handle); }
};
using Handle = std::unique_ptr<void, DestroyHandle>;

// Returns the handle's pointer, made by `init` when there is none. After a failed call, drop the handle: libjpeg may
// still be half-way through the damaged header, and would fail on the next picture.
inline tjhandle ensure(Handle& handle, tjhandle (*init)()) {
    if (!handle) handle.reset(init());
    if (!handle) throw Error(Errc::no_memory, "TurboJPEG cannot be initialised: no memory");
    return handle.get();
}

inline Handle& compressor() noexcept {
    thread_local Handle handle;
    return handle;
}

}  // namespace framehop::codec
