#include "framehop/shm/segment.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "framehop/base/error.hpp"

namespace framehop::shm {
namespace {

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

[[noreturn]] void wrong_layout(const std::string& why) {
    throw Error(Errc::wrong_layout, "this is not a ring that this framehop can use: " + why);
}

void allocate(int fd, std::uint64_t bytes, const Geometry& geometry) {
    int error = EINTR;
    while (error == EINTR) error = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes));
    if (error == 0) return;
    throw Error(Errc::no_memory, "a ring of " + std::to_string(geometry.slot_count) + " slots of " +
                                     std::to_string(geometry.slot_bytes) + " bytes needs " +
                                     std::to_string(geometry.total_bytes()) +
                                     " bytes of memory: " + std::generic_category().message(error));
}

UniqueFd make_memfd(const char* name, std::uint64_t bytes, const Geometry& geometry) {
    UniqueFd fd(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd) throw_errno(std::string("memfd_create ") + name);
    allocate(fd.get(), bytes, geometry);
    // With mode 0400 nobody but root can reopen a reader's descriptor for writing through /proc.
    if (::fchmod(fd.get(), 0400) != 0) throw_errno(std::string("fchmod ") + name);
    return fd;
}

void seal(int fd) {
    if (::fcntl(fd, F_ADD_SEALS, kSeals) != 0) throw_errno("fcntl(F_ADD_SEALS)");
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

// Returns the size of a sealed file, which cannot change any more.
std::uint64_t sealed_size(int fd) {
    const int seals = ::fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & kSeals) != kSeals) wrong_layout("its memory is not sealed");
    struct stat status{};
    if (::fstat(fd, &status) != 0) throw_errno("fstat of a ring segment");
    return static_cast<std::uint64_t>(status.st_size);
}

Mapping map_control(int fd) {
    const std::uint64_t bytes = sealed_size(fd);
    if (bytes < kPageBytes) wrong_layout("its control segment has only " + std::to_string(bytes) + " bytes");
    return {fd, bytes, Mapping::Access::read_write};
}

}  // namespace

SegmentFds create_segment(const Geometry& geometry, std::uint64_t ring_id) {
    SegmentFds fds{.pixels = make_memfd("framehop-pixels", geometry.pixel_bytes(), geometry),
                   .control = make_memfd("framehop-control", geometry.control_bytes(), geometry)};
    write_identity(fds.control.get(), geometry, ring_id);
    seal(fds.pixels.get());
    seal(fds.control.get());
    return fds;
}

UniqueFd reopen_read_only(int fd) {
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    UniqueFd reopened(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
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
    if (sealed_size(fd) != geometry.pixel_bytes()) wrong_layout("its pixel segment has the wrong size");
    return {fd, geometry.pixel_bytes(), access};
}

}  // namespace

Pixels::Pixels(int fd, const Geometry& geometry, Mapping::Access access)
    : mapping_(map_pixels(fd, geometry, access)), slot_bytes_(geometry.slot_bytes) {}

}  // namespace framehop::shm
