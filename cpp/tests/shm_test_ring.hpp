// A ring in memory without a host, and a private directory: what several tests start from.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

#include "framehop/base/error.hpp"
#include "framehop/shm/membership.hpp"

namespace framehop::shm {

inline constexpr std::uint64_t kTestRingId = 77;

// One mapping, as many members as a test wants.
class TestRing {
  public:
    explicit TestRing(const Geometry& geometry) : fds_(create_segment(geometry, kTestRingId)) {
        control = std::make_shared<const Control>(fds_.control.get());
        pixels = std::make_shared<const Pixels>(fds_.pixels.get(), geometry, Mapping::Access::read_write);
    }
    [[nodiscard]] std::shared_ptr<Membership> member(Role role, std::uint32_t holder) const {
        return std::make_shared<Membership>(
            control, pixels,
            Membership::Seat{.role = role, .holder = holder, .incarnation = 1, .connection = HostConnection()});
    }
    [[nodiscard]] SlotTable table() const { return SlotTable(control); }
    [[nodiscard]] const SegmentFds& fds() const { return fds_; }

  private:
    SegmentFds fds_;

  public:
    std::shared_ptr<const Control> control;
    std::shared_ptr<const Pixels> pixels;
};

// Mode 0700, removed at the end.
class PrivateDirectory {
  public:
    PrivateDirectory() : path_((std::filesystem::temp_directory_path() / "framehop-XXXXXX").string()) {
        if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("mkdtemp");
    }
    ~PrivateDirectory() { std::filesystem::remove_all(path_); }
    PrivateDirectory(const PrivateDirectory&) = delete;
    PrivateDirectory& operator=(const PrivateDirectory&) = delete;
    [[nodiscard]] std::string socket() const { return path_ + "/ring.sock"; }
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    std::string path_;
};

template <class Call>
std::string code_of(Call call) {
    try {
        call();
    } catch (const Error& error) {
        return std::string(name(error.code()));
    }
    return "";
}

inline FrameTag tag_of(std::int64_t seq) {
    return {.stream = "cam-" + std::to_string(seq), .epoch = 1, .seq = seq, .partition = 2, .offset = seq * 10};
}

}  // namespace framehop::shm
