#include "process_maps.hpp"

#include <exception>
#include <fstream>
#include <sstream>
#include <string>

namespace framehop::shm {
namespace {

// A line of /proc/PID/maps: addresses, rights, offset, device, inode, path.
bool maps_memfd(const std::string& line, ino_t inode) {
    std::istringstream fields(line);
    std::string addresses;
    std::string rights;
    std::string offset;
    std::string device;
    std::string path;
    ino_t mapped = 0;
    fields >> addresses >> rights >> offset >> device >> mapped >> path;
    return mapped == inode && path.starts_with("/memfd:");
}

}  // namespace

// A process that is ending, or whose first thread has ended, shows no lines at all: then its pidfd has to tell.
bool surely_unmapped(pid_t pid, ino_t inode) noexcept {
    try {
        std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
        std::string line;
        bool any = false;
        while (std::getline(maps, line)) {
            if (maps_memfd(line, inode)) return false;
            any = true;
        }
        return any && maps.eof();
    } catch (const std::exception&) {
        return false;
    }
}

}  // namespace framehop::shm
