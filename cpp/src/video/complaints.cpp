#include <array>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <string_view>

#include "av.hpp"

namespace framehop::video {
namespace {

constexpr std::size_t kLongest = 200;
constexpr std::string_view kConceals = "concealing ";
constexpr std::string_view kDropsUnknown = "mmco: unref short failure";
thread_local std::array<char, kLongest> complaint{};
thread_local bool past_unknown = false;
thread_local bool painted_over = false;

void note(void* /*who*/, int level, const char* format, std::va_list arguments) {
    painted_over = painted_over || std::string_view(format).starts_with(kConceals);
    if (level > AV_LOG_ERROR || complaint[0] != '\0') return;
    if (past_unknown && std::string_view(format).starts_with(kDropsUnknown)) return;
    (void)std::vsnprintf(complaint.data(), complaint.size(), format, arguments);
}

}  // namespace

void Complaints::listen() {
    static std::once_flag once;
    std::call_once(once, [] { av_log_set_callback(&note); });
}

void Complaints::forget(bool begun_within) noexcept {
    complaint[0] = '\0';
    past_unknown = begun_within;
    painted_over = false;
}

bool Complaints::concealed() noexcept { return painted_over; }

std::string Complaints::first() {
    std::string_view text(complaint.data());
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
    return std::string(text);
}

}  // namespace framehop::video
