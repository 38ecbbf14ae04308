#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "framehop/base/fork_mark.hpp"

namespace framehop {
namespace {

TEST(ForkMark, is_its_makers_and_no_childs) {
    const ForkMark mark;
    EXPECT_TRUE(mark.is_ours());
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        const ForkMark own;
        int failures = (mark.is_ours() ? 1 : 0) + (own.is_ours() ? 0 : 1);
        const pid_t grandchild = ::fork();
        if (grandchild == 0) ::_exit((mark.is_ours() ? 1 : 0) + (own.is_ours() ? 1 : 0));
        int status = -1;
        ::waitpid(grandchild, &status, 0);
        ::_exit(failures + (status == 0 ? 0 : 1));
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_TRUE(mark.is_ours());
}

}  // namespace
}  // namespace framehop
