// Includes jpeglib.h, which does not include what it needs.
#pragma once

// clang-format off: their order matters
#include <cstddef>
#include <cstdio>
#include <jpeglib.h>
#include <jerror.h>
// clang-format on
