#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "framehop/shm/segment.hpp"
#include "shm_test_ring.hpp"

namespace framehop::shm {
namespace {

constexpr Geometry kSmall{.slot_count = 3, .tap_quota = 1, .slot_bytes = 8192};

UniqueFd memfd(std::uint64_t bytes, bool sealed) {
    UniqueFd fd(::memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    EXPECT_EQ(::posix_fallocate(fd.get(), 0, static_cast<off_t>(bytes)), 0);
    const int seals = sealed ? F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL : 0;
    EXPECT_EQ(::fcntl(fd.get(), F_ADD_SEALS, seals), 0);
    return fd;
}

UniqueFd forged_control(const RingIdentity& identity, std::uint64_t bytes) {
    UniqueFd fd = memfd(bytes, true);
    EXPECT_EQ(::pwrite(fd.get(), &identity, sizeof identity, 0), static_cast<ssize_t>(sizeof identity));
    return fd;
}

RingIdentity identity_of(const Geometry& geometry) {
    return {.magic = kRingMagic,
            .layout_version = kLayoutVersion,
            .slot_count = geometry.slot_count,
            .slot_bytes = geometry.slot_bytes,
            .ring_id = 1,
            .tap_quota = geometry.tap_quota};
}

std::string control_code(const RingIdentity& identity, std::uint64_t bytes) {
    return code_of([&] { const Control control(forged_control(identity, bytes).get()); });
}

TEST(Segment, cannot_be_truncated_or_grown) {
    const SegmentFds fds = create_segment(kSmall, 1);
    for (const int fd : {fds.pixels.get(), fds.control.get()}) {
        EXPECT_EQ(::ftruncate(fd, 0), -1);
        EXPECT_EQ(errno, EPERM);
        EXPECT_EQ(::ftruncate(fd, 1 << 20), -1);
        EXPECT_EQ(::fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    }
}

TEST(Segment, a_readers_descriptor_cannot_be_mapped_writable) {
    const SegmentFds fds = create_segment(kSmall, 1);
    const UniqueFd reader = reopen_read_only(fds.pixels.get());
    EXPECT_EQ(code_of([&] { Mapping(reader.get(), 4096, Mapping::Access::read_write); }), "system");
    EXPECT_NO_THROW(Mapping(reader.get(), 4096, Mapping::Access::read_only));
}

TEST(Segment, a_good_one_is_believed) {
    const SegmentFds fds = create_segment(kSmall, 99);
    const Control control(fds.control.get());
    EXPECT_EQ(control.ring_id(), 99U);
    EXPECT_EQ(control.geometry().slot_count, 3U);
}

TEST(Segment, another_magic_version_or_size_is_refused) {
    const std::uint64_t bytes = kSmall.control_bytes();
    EXPECT_EQ(control_code(identity_of(kSmall), bytes), "");
    RingIdentity wrong = identity_of(kSmall);
    wrong.magic += 1;
    EXPECT_EQ(control_code(wrong, bytes), "wrong_layout");
    wrong = identity_of(kSmall);
    wrong.layout_version = kLayoutVersion + 1;
    EXPECT_EQ(control_code(wrong, bytes), "wrong_layout");
    wrong = identity_of(kSmall);
    wrong.slot_count = 4000;
    EXPECT_EQ(control_code(wrong, bytes), "wrong_layout");
    wrong = identity_of(kSmall);
    wrong.slot_bytes = 5;
    EXPECT_EQ(control_code(wrong, bytes), "wrong_layout");
    wrong = identity_of(kSmall);
    wrong.tap_quota = 3;
    EXPECT_EQ(control_code(wrong, bytes), "wrong_layout");
    EXPECT_EQ(control_code(identity_of(kSmall), bytes + 4096), "wrong_layout");
    EXPECT_EQ(control_code(identity_of(kSmall), 64), "wrong_layout");
}

TEST(Segment, memory_that_was_never_taken_is_refused) {
    UniqueFd sparse(::memfd_create("sparse", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    ASSERT_EQ(::ftruncate(sparse.get(), static_cast<off_t>(kSmall.pixel_bytes())), 0);
    ASSERT_EQ(::posix_fallocate(sparse.get(), 0, 4096), 0);
    ASSERT_EQ(::fcntl(sparse.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
    EXPECT_EQ(code_of([&] { Pixels(sparse.get(), kSmall, Mapping::Access::read_only); }), "wrong_layout");
}

TEST(Segment, memory_that_could_shrink_under_us_is_refused) {
    const UniqueFd unsealed = memfd(kSmall.pixel_bytes(), false);
    EXPECT_EQ(code_of([&] { Pixels(unsealed.get(), kSmall, Mapping::Access::read_only); }), "wrong_layout");
    const UniqueFd sealed = memfd(kSmall.pixel_bytes(), true);
    EXPECT_NO_THROW(Pixels(sealed.get(), kSmall, Mapping::Access::read_only));
    const UniqueFd small = memfd(kSmall.pixel_bytes() - 4096, true);
    EXPECT_EQ(code_of([&] { Pixels(small.get(), kSmall, Mapping::Access::read_only); }), "wrong_layout");
}

}  // namespace
}  // namespace framehop::shm
