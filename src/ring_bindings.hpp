// Declares one register function per side of the ring; ring.cpp is their table of contents.
#pragma once

#include <memory>
#include <string>

#include "bindings.hpp"
#include "framehop/shm/attach.hpp"
#include "framehop/shm/frame.hpp"

namespace framehop::python {

void register_ring_values(py::module_& module);
void register_ring_host(py::module_& module);
void register_ring_writer(py::module_& module);
void register_ring_reader(py::module_& module);

// Attaches without the GIL, so that a host in this very process can answer; Ctrl-C works.
std::shared_ptr<shm::Membership> attach_membership(const std::string& path, shm::Role role, double timeout_s);

// Makes a capsule that shares ownership of `owner` while an array is based on it. Ending it never waits for the GIL.
template <class T>
py::capsule share_with_array(std::shared_ptr<T> owner) {
    auto held = std::make_unique<std::shared_ptr<T>>(std::move(owner));
    py::capsule capsule(held.get(),
                        [](void* raw) { std::unique_ptr<std::shared_ptr<T>>(static_cast<std::shared_ptr<T>*>(raw)); });
    static_cast<void>(held.release());
    return capsule;
}

}  // namespace framehop::python
