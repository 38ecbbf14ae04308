#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "framehop/shm/bell.hpp"
#include "shm_test_ring.hpp"

namespace framehop::shm {
namespace {

using namespace std::chrono_literals;

TEST(Bell, a_ring_before_the_wait_is_not_lost) {
    const PrivateDirectory directory;
    Bell bell(directory.path() + "/bell");
    const std::uint32_t sampled = bell.sample();
    bell.ring();
    EXPECT_TRUE(bell.wait(sampled, 0ns));
}

TEST(Bell, silence_times_out) {
    const PrivateDirectory directory;
    const Bell bell(directory.path() + "/bell");
    EXPECT_FALSE(bell.wait(bell.sample(), 1ms));
}

TEST(Bell, rings_through_the_file_into_another_process) {
    const PrivateDirectory directory;
    const std::string path = directory.path() + "/bell";
    const Bell bell(path);
    const std::uint32_t sampled = bell.sample();
    const pid_t child = ::fork();
    if (child == 0) {
        Bell(path).ring();
        ::_exit(0);
    }
    EXPECT_TRUE(bell.wait(sampled, 60s));
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

TEST(Bell, its_file_is_one_page_and_private) {
    const PrivateDirectory directory;
    const std::string path = directory.path() + "/bell";
    const Bell bell(path);
    struct stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_size, 4096);
    EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST(Bell, a_missing_directory_is_a_system_error) {
    EXPECT_EQ(code_of([] { Bell("/nonexistent-directory/bell"); }), "system");
}

}  // namespace
}  // namespace framehop::shm
