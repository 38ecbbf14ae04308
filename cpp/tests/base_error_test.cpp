#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>

#include "framehop/base/error.hpp"

namespace framehop {
namespace {

TEST(Error, every_code_has_its_own_name) {
    std::set<std::string> names;
    for (const Errc code : kAllErrc) names.emplace(name(code));
    EXPECT_EQ(names.size(), std::size(kAllErrc));
    EXPECT_FALSE(names.contains("unknown"));
}

TEST(Error, errno_text_and_code_are_kept) {
    errno = ENOMEM;
    try {
        throw_errno("mmap of 4 KiB");
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::no_memory);
        EXPECT_EQ(std::string(error.what()).rfind("mmap of 4 KiB: ", 0), 0U);
    }
}

}  // namespace
}  // namespace framehop
