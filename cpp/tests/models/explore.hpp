// Walks through every state that a model can reach, breadth first, so that the way to a broken rule is a shortest one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <vector>

namespace framehop::models {

// A state is compared and hashed by its bytes.
template <class State>
struct Bytes {
    static_assert(std::is_trivially_copyable_v<State> && std::has_unique_object_representations_v<State>);
    bool operator()(const State& a, const State& b) const { return std::memcmp(&a, &b, sizeof a) == 0; }
    std::size_t operator()(const State& state) const {
        return std::hash<std::string_view>()({reinterpret_cast<const char*>(&state), sizeof state});
    }
};

// Model: `State first() const`; `void steps(const State&, Add add) const`, which calls `add(name, next)` for each step
// that some process can do there; `const char* broken(const State&) const`, the name of a rule that does not hold, or
// nullptr.
template <class Model>
class Explorer {
  public:
    using State = decltype(std::declval<Model>().first());
    explicit Explorer(const Model& model) : model_(model) {}

    // Returns the name of the first broken rule, empty when all hold everywhere, and prints the way to it.
    std::string_view explore() {
        reach("start", model_.first(), 0);
        for (std::uint32_t at = 0; at < states_.size(); ++at) {
            const State state = states_[at];
            if (const char* rule = model_.broken(state)) {
                tell(at);
                return rule;
            }
            model_.steps(state, [&](const char* name, const State& next) { reach(name, next, at); });
        }
        return {};
    }
    [[nodiscard]] std::size_t states() const { return states_.size(); }

  private:
    struct Origin {
        std::uint32_t from;
        const char* step;
    };

    void reach(const char* step, const State& state, std::uint32_t from) {
        if (!seen_.emplace(state, states_.size()).second) return;
        states_.push_back(state);
        origins_.push_back({from, step});
    }

    void tell(std::uint32_t at) const {
        std::vector<const char*> way;
        for (; at != 0; at = origins_[at].from) way.push_back(origins_[at].step);
        for (auto step = way.rbegin(); step != way.rend(); ++step) std::printf("  %s\n", *step);
    }

    const Model& model_;
    std::unordered_map<State, std::uint32_t, Bytes<State>, Bytes<State>> seen_;
    std::vector<State> states_;
    std::vector<Origin> origins_;
};

// Explores, and returns an exit status: 0 when exactly the rule `expected` was broken, or none if it is empty.
template <class Model>
int judge(const char* what, const Model& model, std::string_view expected) {
    Explorer<Model> explorer(model);
    const std::string_view found = explorer.explore();
    std::printf("%s: %zu states, %s\n", what, explorer.states(),
                found.empty() ? "all rules hold" : std::string(found).c_str());
    return found == expected ? 0 : 1;
}

}  // namespace framehop::models
