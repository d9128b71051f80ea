// SPDX-License-Identifier: Apache-2.0
//
// peer_hnswlib.cpp: hnswlib through its own C++ interface, as bench_vector_firn measures firn. Python's calls would cost it a
// part of each query, and all of its speed under a filter. bench/vector/harness compiles it against the headers of
// PyPI's source package.
//
//     peer_hnswlib index INDEX DATA METRIC M EF_CONSTRUCTION THREADS
//     peer_hnswlib sweep INDEX DATA METRIC K SECONDS SHARE EF...
//     peer_hnswlib serve INDEX DATA METRIC K EF
//     peer_hnswlib open INDEX DATA METRIC K
//     peer_hnswlib churn INDEX DATA METRIC              the index is written again, half of it deleted and inserted
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include "hnswlib/hnswlib.h"

using index_type = hnswlib::HierarchicalNSW<float>;

static double
now()
{
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

static double
cpu()
{
    timespec at;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return double(at.tv_sec) + double(at.tv_nsec) / 1e9;
}

static double
resident()
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == nullptr || fscanf(file, "%*d %ld", &pages) != 1) {
        exit(1);
    }
    fclose(file);
    return double(pages) * double(sysconf(_SC_PAGESIZE));
}

template <typename T> struct vectors {
    std::vector<T> numbers;
    size_t n = 0;
    size_t count = 0;
    const T *at(size_t i) const { return numbers.data() + i % count * n; }
};

template <typename T>
static vectors<T>
read_vectors(const std::string &path, bool is_normal)
{
    vectors<T> out;
    FILE *file = fopen(path.c_str(), "rb");
    int32_t n;
    if (file == nullptr) {
        perror(path.c_str());
        exit(1);
    }
    while (fread(&n, sizeof n, 1, file) == 1) {
        out.n = size_t(n);
        out.numbers.resize(out.numbers.size() + out.n);
        T *row = out.numbers.data() + out.count++ * out.n;
        if (fread(row, sizeof(T), out.n, file) != out.n) {
            exit(1);
        }
        double squares = 0;
        for (size_t i = 0; is_normal && i < out.n; i++) {
            squares += double(row[i]) * double(row[i]);
        }
        for (size_t i = 0; is_normal && squares > 0 && i < out.n; i++) {
            row[i] = T(row[i] / std::sqrt(squares));
        }
    }
    fclose(file);
    return out;
}

static unsigned
part_of(uint64_t row)
{
    return uint32_t(row * 2654435761U) % 100;
}

struct share_filter : hnswlib::BaseFilterFunctor {
    std::vector<bool> allowed;
    bool operator()(hnswlib::labeltype id) override { return allowed[id]; }
};

static void
print_line(const char *workload, const std::string &parameter, double value, double by_cpu, const char *unit, double recall)
{
    printf("hnswlib\t%s\t%s\t%.6g\t%.6g\t%s\t%.4f\n", workload, parameter.c_str(), value, by_cpu, unit, recall);
    fflush(stdout);
}

template <typename F>
static void
in_threads(size_t count, unsigned threads, F work)
{
    std::atomic<size_t> next{0};
    std::vector<std::thread> all;
    for (unsigned t = 0; t < threads; t++) {
        all.emplace_back([&] {
            for (size_t i; (i = next++) < count;) {
                work(i);
            }
        });
    }
    for (auto &thread : all) {
        thread.join();
    }
}

int
main(int argc, char **argv)
{
    if (argc < 5) {
        return 2;
    }
    const std::string what = argv[1];
    const std::string path = argv[2];
    const std::string data = argv[3];
    const bool is_cosine = std::string(argv[4]) == "cosine";
    const auto queries = read_vectors<float>(data + "/query.fvecs", is_cosine);
    std::unique_ptr<hnswlib::SpaceInterface<float>> space;
    if (is_cosine) {
        space.reset(new hnswlib::InnerProductSpace(queries.n));
    } else {
        space.reset(new hnswlib::L2Space(queries.n));
    }
    if (what == "index") {
        const auto base = read_vectors<float>(data + "/base.fvecs", is_cosine);
        const double begun = now();
        const double begun_cpu = cpu();
        index_type index(space.get(), base.count, size_t(atoi(argv[5])), size_t(atoi(argv[6])), 100);
        index.addPoint(base.at(0), 0);
        in_threads(base.count - 1, unsigned(atoi(argv[7])), [&](size_t i) { index.addPoint(base.at(i + 1), i + 1); });
        print_line("build", argv[7], double(base.count) / (now() - begun), double(base.count) / (cpu() - begun_cpu), "vectors/s", 0);
        index.saveIndex(path);
        return 0;
    }
    const double before = resident();
    const double begun = now();
    const double begun_cpu = cpu();
    index_type index(space.get(), path);
    if (what == "open") {
        index.searchKnn(queries.at(0), size_t(atoi(argv[5])));
        print_line("open", "1", (now() - begun) * 1000, (cpu() - begun_cpu) * 1000, "ms", 0);
        return 0;
    }
    if (what == "churn") {
        const auto base = read_vectors<float>(data + "/base.fvecs", is_cosine);
        for (size_t i = 0; i < base.count; i++) {
            if (part_of(i) < 50) {
                index.markDelete(i);
            }
        }
        // Adding a deleted label again brings its place back, and links it anew.
        in_threads(base.count, 2, [&](size_t i) {
            if (part_of(i) < 50) {
                index.addPoint(base.at(i), i);
            }
        });
        print_line("churn", "1", now() - begun, cpu() - begun_cpu, "s", 0);
        index.saveIndex(path);
        return 0;
    }
    const size_t k = size_t(atoi(argv[5]));
    const unsigned share = what == "sweep" ? unsigned(atoi(argv[7])) : 100;
    const auto truth = read_vectors<int32_t>(data + (share < 100 ? "/truth-" + std::to_string(share) + ".ivecs" : "/truth.ivecs"), false);
    share_filter filter;
    for (size_t i = 0; i < index.cur_element_count; i++) {
        filter.allowed.push_back(part_of(i) < share);
    }
    size_t hits = 0;
    const auto ask = [&](size_t i) {
        auto found = index.searchKnn(queries.at(i), k, share < 100 ? &filter : nullptr);
        for (; !found.empty(); found.pop()) {
            for (size_t j = 0; j < k; j++) {
                hits += size_t(truth.at(i)[j]) == found.top().second;
            }
        }
    };
    if (what == "serve") {
        index.setEf(size_t(atoi(argv[6])));
        for (size_t i = 0; i < queries.count; i++) {
            ask(i);
        }
        const double bytes = (resident() - before) / double(index.cur_element_count);
        print_line("memory", argv[6], bytes, bytes, "bytes/vector", double(hits) / double(k * queries.count));
        return 0;
    }
    for (int a = 8; a < argc; a++) {
        const double seconds = atof(argv[6]);
        size_t count = 0;
        index.setEf(size_t(atoi(argv[a])));
        const double warming = now();
        for (size_t i = 0; i < (a == 8 ? queries.count : 20) && now() < warming + 1; i++) {
            ask(i);
        }
        hits = 0;
        const double from = now();
        const double from_cpu = cpu();
        do {
            ask(count++);
        } while (now() - from < seconds || count < 3);
        print_line(share < 100 ? ("filter-" + std::to_string(share)).c_str() : "walk", argv[a], double(count) / (now() - from),
                   double(count) / (cpu() - from_cpu), "queries/s", double(hits) / double(k * count));
    }
    return 0;
}
