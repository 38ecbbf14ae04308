#include "framehop/shm/segment.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "framehop/base/descriptors.hpp"
#include "framehop/base/error.hpp"
#include "framehop/shm/memory_file.hpp"

namespace framehop::shm {
namespace {

constexpr const char* kControl = "the control memory of a ring";
constexpr const char* kPixels = "the pixel memory of a ring";

[[noreturn]] void wrong_layout(const std::string& why) {
    throw Error(Errc::wrong_layout, "this is not a ring that this framehop can use: " + why);
}

std::string describe(const Geometry& geometry) {
    return "a ring of " + std::to_string(geometry.slot_count) + " slots of " + std::to_string(geometry.slot_bytes) +
           " bytes (" + std::to_string(geometry.total_bytes()) + " bytes in all)";
}

void write_identity(int fd, const Geometry& geometry, std::uint64_t ring_id) {
    // Everything else in a new segment is zero: free slots of generation 0, no leases, no tickets.
    const RingIdentity identity{.magic = kRingMagic,
                                .layout_version = kLayoutVersion,
                                .slot_count = geometry.slot_count,
                                .slot_bytes = geometry.slot_bytes,
                                .ring_id = ring_id,
                                .tap_quota = geometry.tap_quota};
    if (::pwrite(fd, &identity, sizeof identity, 0) != sizeof identity) throw_errno("pwrite of the ring's identity");
}

Mapping map_control(int fd) {
    const std::uint64_t bytes = sealed_size(fd, kControl);
    if (bytes < kPageBytes) wrong_layout("its control segment has only " + std::to_string(bytes) + " bytes");
    return {fd, bytes, Mapping::Access::read_write};
}

}  // namespace

SegmentFds create_segment(const Geometry& geometry, std::uint64_t ring_id, const std::string& path) {
    const std::string name = "framehop-control" + (path.empty() ? "" : " " + path);
    SegmentFds fds{.pixels = make_memory_file("framehop-pixels", geometry.pixel_bytes(), describe(geometry)),
                   .control = make_memory_file(name.c_str(), geometry.control_bytes(), describe(geometry))};
    write_identity(fds.control.get(), geometry, ring_id);
    seal(fds.pixels.get());
    seal(fds.control.get());
    return fds;
}

UniqueFd reopen_read_only(int fd) {
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    UniqueFd reopened(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!reopened && is_out_of_descriptors(errno)) throw_no_descriptor(kPixels);
    if (!reopened) throw_errno("open " + path);
    return reopened;
}

Control::Control(int fd) : mapping_(map_control(fd)) {
    const RingIdentity identity = header().identity;
    if (identity.magic != kRingMagic) wrong_layout("its first bytes are something else");
    if (identity.layout_version != kLayoutVersion) {
        wrong_layout("its layout has version " + std::to_string(identity.layout_version) + ", ours is " +
                     std::to_string(kLayoutVersion) + "; restart all processes of one framehop version");
    }
    geometry_ = {.slot_count = identity.slot_count, .tap_quota = identity.tap_quota, .slot_bytes = identity.slot_bytes};
    ring_id_ = identity.ring_id;
    if (!geometry_.valid()) wrong_layout("its slot count or size is out of range");
    if (geometry_.control_bytes() != mapping_.size()) wrong_layout("its control segment has the wrong size");
}

namespace {

Mapping map_pixels(int fd, const Geometry& geometry, Mapping::Access access) {
    if (sealed_size(fd, kPixels) != geometry.pixel_bytes()) wrong_layout("its pixel segment has the wrong size");
    return {fd, geometry.pixel_bytes(), access};
}

}  // namespace

Pixels::Pixels(int fd, const Geometry& geometry, Mapping::Access access)
    : mapping_(map_pixels(fd, geometry, access)), slot_bytes_(geometry.slot_bytes) {}

}  // namespace framehop::shm
