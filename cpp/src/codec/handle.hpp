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

// The handle's pointer, made by `init` when there is none. After a failed call, drop the handle: libjpeg may be left
// half-way through the damaged header, and the next picture would pay for it.
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
