// Picks one of several values by its name in Python.
#pragma once

#include <cstddef>
#include <string>

#include "framehop/base/error.hpp"

namespace framehop::python {

template <class Value>
struct Named {
    const char* name;
    Value value;
};

// Throws Errc::invalid_argument naming `what` and all choices.
template <class Value, std::size_t N>
Value choose(const char* what, const Named<Value> (&choices)[N], const std::string& name) {
    std::string known;
    for (const Named<Value>& choice : choices) {
        if (name == choice.name) return choice.value;
        known += known.empty() ? choice.name : std::string(", ") + choice.name;
    }
    throw Error(Errc::invalid_argument, std::string(what) + " must be one of " + known + ", not " + name);
}

}  // namespace framehop::python
