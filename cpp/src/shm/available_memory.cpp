#include "framehop/shm/available_memory.hpp"

#include <fstream>
#include <optional>
#include <string>

#include "framehop/base/error.hpp"

namespace framehop::shm {
namespace {

// Returns MemAvailable of /proc/meminfo; nullopt where there is no such file or line.
std::optional<std::uint64_t> available_bytes() {
    std::ifstream file("/proc/meminfo");
    std::string key;
    std::uint64_t kibibytes = 0;
    std::string unit;
    while (file >> key >> kibibytes && std::getline(file, unit)) {
        if (key == "MemAvailable:") return kibibytes * 1024;
    }
    return std::nullopt;
}

}  // namespace

void check_available_memory(const Geometry& geometry) {
    const auto available = available_bytes();
    if (!available || geometry.total_bytes() <= *available) return;
    throw Error(Errc::no_memory, "a ring of " + std::to_string(geometry.slot_count) + " slots of " +
                                     std::to_string(geometry.slot_bytes) + " bytes needs " +
                                     std::to_string(geometry.total_bytes()) +
                                     " bytes of memory, and this machine has " + std::to_string(*available) +
                                     " available; use fewer or smaller slots");
}

}  // namespace framehop::shm
