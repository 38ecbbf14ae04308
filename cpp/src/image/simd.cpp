#include "framehop/image/simd.hpp"

#include <array>

#ifdef __x86_64__
#include <cpuid.h>
#endif

#include "kernels.hpp"

namespace framehop::image {
namespace {

#ifdef __x86_64__
constexpr std::array kLevels{Simd::baseline, Simd::avx2};
#elif defined(__aarch64__)
constexpr std::array kLevels{Simd::baseline, Simd::neon};
#else
constexpr std::array kLevels{Simd::baseline};
#endif

#ifdef __x86_64__
// Clang before 15 does not know "f16c" by name. Whether the system keeps the registers, "avx2" asks.
bool has_f16c() noexcept {
    std::array<unsigned, 4> found{};
    auto& [eax, ebx, ecx, edx] = found;
    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}

bool runs_all() noexcept { return __builtin_cpu_supports("avx2") && has_f16c(); }
#else
bool runs_all() noexcept { return true; }
#endif

}  // namespace

std::span<const Simd> simd_levels() noexcept {
    static const bool all = runs_all();
    return std::span(kLevels).first(all ? kLevels.size() : 1);
}

std::string_view name(Simd level) noexcept {
    switch (level) {
        case Simd::avx2:
            return "avx2";
        case Simd::neon:
            return "neon";
        case Simd::baseline:
            break;
    }
    return "baseline";
}

const Kernels& kernels_for(Simd level) noexcept {
#ifdef __x86_64__
    if (level == Simd::avx2) return kAvx2Kernels;
#elif defined(__aarch64__)
    if (level == Simd::neon) return kNeonKernels;
#endif
    static_cast<void>(level);
    return kBaselineKernels;
}

}  // namespace framehop::image
