#include "framehop/shm/bell.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "framehop/base/error.hpp"
#include "framehop/base/unique_fd.hpp"
#include "framehop/shm/futex.hpp"

namespace framehop::shm {
namespace {

constexpr std::size_t kPage = 4096;

}  // namespace

Bell::Bell(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) throw_errno("open " + path);
    // Take the blocks now, so that a full disk is an error here and not SIGBUS at the first ring.
    if (const int error = ::posix_fallocate(fd.get(), 0, kPage); error != 0) {
        errno = error;
        throw_errno("posix_fallocate " + path);
    }
    void* page = ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    if (page == MAP_FAILED) throw_errno("mmap " + path);
    word_ = static_cast<std::atomic<std::uint32_t>*>(page);
}

Bell::~Bell() { ::munmap(word_, kPage); }

std::uint32_t Bell::sample() const noexcept { return word_->load(std::memory_order_acquire); }

void Bell::ring() noexcept {
    // release: pairs with the acquire in wait_for_change.
    word_->fetch_add(1, std::memory_order_release);
    wake_all(*word_);
}

bool Bell::wait(std::uint32_t sampled, std::chrono::nanoseconds timeout) const noexcept {
    return wait_for_change(*word_, sampled, timeout);
}

}  // namespace framehop::shm
