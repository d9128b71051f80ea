/* SPDX-License-Identifier: Apache-2.0
 *
 * graph/graph_internal.h: what the files of graph/ share.
 */
#ifndef FIRN_GRAPH_GRAPH_INTERNAL_H
#define FIRN_GRAPH_GRAPH_INTERNAL_H

#include <stdatomic.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/search.h"
#include "block/block_cache.h"
#include "block/block_file.h"
#include "graph/graph.h"
#include "graph/graph_format.h"
#include "os/os_pages.h"

/* Of what is called once a query or once a vector that is built, in files that are optimized for
 * speed (cmake/FirnSize.cmake). */
#define FI_GRAPH_SMALL __attribute__((cold))

/* Records of one size in blocks: codes, links of level 0, or vectors. */
struct fi_graph_array {
    /* Where each block is; NULL: not read yet. Stores release, loads acquire: what lies there is
     * whole. */
    _Atomic(const uint8_t *) *place;
    uint32_t stride;
    uint32_t per_block;
    uint64_t reciprocal; /* 2^64 / per_block, rounded up; 0 where per_block is 1 */
    uint32_t blocks;
    uint64_t offset;          /* of the first block in the file */
    struct fi_block_pin *pin; /* of each block that has a place; NULL: the graph was built */
};

/* How much walks of some widths find (graph_measure.c), ascending; no recall is smaller than that
 * of the width before. */
struct fi_graph_widths {
    bool is_measured; /* false: a file of version 1 */
    uint32_t count;
    struct fi_graph_width {
        uint32_t ef;
        uint32_t compared;                  /* codes, on average */
        uint16_t recalls[FI_GRAPH_RECALLS]; /* in parts of 65,535; 0: not measured */
    } all[FI_GRAPH_WIDTHS_MAX];
};

struct fi_graph {
    struct fi_run base; /* first; of an attachment */
    struct fi_graph_parameters parameters;
    uint64_t rows;
    uint32_t count;
    uint32_t numbers; /* of a code */
    /* bytes that kernels look at: numbers, or rounded up if the record has as many */
    uint32_t measured;
    double scale;      /* graph_code.c */
    float *mean;       /* numbers of them */
    uint32_t *rows_of; /* row of each node, ascending without lists; NULL: its own number */
    /* Rows that have the vector of a node's row: the nodes, ascending, and the rows. */
    uint32_t *twin_nodes;
    uint32_t *twin_rows;
    uint32_t twin_count;
    uint64_t *twin_marks; /* a bit for each node that has some; NULL: nothing is known */

    uint32_t entry;
    uint32_t top_level;
    uint32_t upper_count;   /* nodes above level 0 */
    uint32_t *upper_nodes;  /* ascending */
    uint32_t *upper_starts; /* of each, and one more: the number of its first list */
    uint32_t *upper_links;  /* lists of m */

    struct fi_graph_array codes;
    struct fi_graph_array links;
    struct fi_graph_array vectors; /* of one that is open; none has a place */
    uint32_t link_width;           /* of a list of level 0 */

    /* With lists instead of links (graph_lists.c); no node is above level 0. */
    bool is_listed;
    uint32_t list_count;
    uint32_t *list_starts; /* nodes; one more than there are lists */
    uint8_t *centers;      /* records as those of codes */

    struct fi_graph_widths widths;

    /* One that was built. */
    struct fi_os_pages code_pages;
    struct fi_os_pages link_pages;

    /* One that is open. */
    struct fi_block_reader *reader;
    uint32_t overhead; /* of the file's blocks: fi_block_reader_overhead */
    struct fi_block_cache *cache;
    uint64_t cache_file;
    uint64_t sketch_file;          /* to the cache, the file of sketches; 0: there are no lists */
    struct fi_block_guide *guides; /* of each block of vectors; NULL: there are lists */
    size_t held;                   /* of the cache's budget */
    bool keeps_blocks;             /* of codes and links, once they were read */
    struct fi_graph_memos *memos;  /* NULL: none are kept; graph_memo.c */
    struct fi_run_summary summary;

    struct fi_graph_build_counts counts; /* of one that was built */
};

/* A vector to be compared with codes. */
struct fi_graph_query {
    const struct fi_vector_kernels *kernels; /* the processor's */
    int8_t *codes;                           /* as many as are measured, zeros at the end */
    float scale;
    float norm;   /* the sum of the squares of what the codes stand for */
    int32_t bias; /* 128 times the sum of the codes */
};

/* The nearest nodes of a walk, ascending: distance in the upper half, then the node's number, then
 * whether its links were followed. Distances are not negative, so that their bits have their
 * order. */
struct fi_graph_pool {
    uint64_t *items;
    size_t count;
    size_t limit; /* of count */
    size_t room;  /* of items */
    size_t next;  /* all before were followed */
};

/* A walk that compares one in so many codes takes as long as comparing all, one after the other. */
enum { FI_GRAPH_CODES_PART = 6 };

/* Lists are read one after the other, so a search saves time as soon as it compares fewer codes. */
enum { FI_GRAPH_LISTS_PART = 2 };

/* If a search is to compare more than one in so many codes, comparing all is better. */
static inline uint32_t
fi_graph_codes_part(bool is_listed)
{
    return is_listed ? FI_GRAPH_LISTS_PART : FI_GRAPH_CODES_PART;
}

/* Nodes whose codes are measured at once, at most. */
enum { FI_GRAPH_BATCH_MAX = 64 };

struct fi_graph_scratch {
    struct fi_graph_pool pool;
    struct fi_graph_query query;
    struct fi_graph_query other; /* of a candidate that is held against others */
    size_t query_room;           /* bytes that both have */
    float *transformed;
    size_t transformed_room;
    uint64_t *visited; /* a bit for each node */
    size_t visited_words;
    uint32_t *touched; /* words of visited that are not 0 */
    size_t touched_count;
    size_t touched_room;
    uint32_t left_out; /* walks act as if this node, less 1, did not exist; 0: none */
    uint32_t batch[FI_GRAPH_BATCH_MAX];
    size_t batch_count;
    uint64_t evaluated;
    uint64_t expanded;
    /* Of blocks that are not kept: those that are looked at now. */
    struct fi_block_pin pins[FI_GRAPH_BATCH_MAX];
    size_t pin_count;
    struct fi_block_pin link_pins[2];
    uint64_t *chosen; /* by fi_graph_walk_select */
    size_t chosen_room;
    struct fi_graph_candidate *found; /* by walks that are measured */
    size_t found_room;
    /* How lists of open graphs are searched; NULL: none are. */
    const struct fi_graph_sketching *sketching;
    struct fi_graph_sketches *sketches; /* its memory; NULL: it has none yet */
    const struct fi_graph *sketched;    /* of which the pool has distances of sketches */
};

static inline uint64_t
fi_graph_item(float distance, uint32_t node)
{
    uint32_t bits;
    memcpy(&bits, &distance, sizeof bits);
    return (uint64_t)bits << 32 | (uint64_t)node << 1;
}
static inline uint32_t
fi_graph_item_node(uint64_t item)
{
    return (uint32_t)item >> 1;
}
static inline float
fi_graph_item_distance(uint64_t item)
{
    uint32_t bits = (uint32_t)(item >> 32);
    float distance;
    memcpy(&distance, &bits, sizeof distance);
    return distance;
}

/* A number whose order is that of distances, which may be negative. */
static inline uint32_t
fi_graph_order_of(float distance)
{
    uint32_t bits;
    memcpy(&bits, &distance, sizeof bits);
    return bits >> 31 != 0 ? ~bits : bits | UINT32_C(1) << 31;
}

/* The reverse. */
static inline float
fi_graph_distance_of(uint32_t order)
{
    const uint32_t bits = order >> 31 != 0 ? order & (UINT32_MAX >> 1) : ~order;
    float distance;
    memcpy(&distance, &bits, sizeof distance);
    return distance;
}

static inline uint32_t
fi_graph_array_block(const struct fi_graph_array *array, uint32_t i)
{
    __extension__ typedef unsigned __int128 wide;
    return array->reciprocal == 0 ? i : (uint32_t)((wide)array->reciprocal * i >> 64);
}

/* Record i where its block was read, else NULL. */
static inline const uint8_t *
fi_graph_array_at(const struct fi_graph_array *array, uint32_t i)
{
    uint32_t block = fi_graph_array_block(array, i);
    const uint8_t *place = atomic_load_explicit(&array->place[block], memory_order_acquire);
    return place == NULL ? NULL : place + (size_t)(i - block * array->per_block) * array->stride;
}

/* The scale of the record of a node or of a center. */
static inline float
fi_graph_scale_of(const struct fi_graph *graph, const uint8_t *record)
{
    float scale;
    memcpy(&scale, record + graph->codes.stride - FI_GRAPH_CODE_TAIL, sizeof scale);
    return scale;
}

/* The record of the center of a list. */
static inline const uint8_t *
fi_graph_center_of(const struct fi_graph *graph, uint32_t list)
{
    return graph->centers + (size_t)list * graph->codes.stride;
}

/* Link k of a list. */
static inline uint32_t
fi_graph_link(const uint8_t *list, size_t k)
{
    return fi_load_le32(list + 4 * k);
}

/* How many rows a source is asked for at once, where so many are left: not too many bytes. */
static inline size_t
fi_graph_step(const struct fi_graph *graph, uint64_t left)
{
    size_t step = ((size_t)1 << 20) / (4 * (size_t)graph->parameters.dimensions) + 1;
    step = step < FI_GRAPH_READ_MAX ? step : FI_GRAPH_READ_MAX;
    return step < left ? step : (size_t)left;
}

struct fi_graph_gathered;

/* ==== codes (graph_code.c) ==== */

/* How many bytes of records of that stride kernels read: a multiple of 64 is fastest, and the bytes
 * after the numbers are multiplied by zeros of the query. */
static inline uint32_t
fi_graph_measured(size_t numbers, size_t stride)
{
    size_t rounded = (numbers + 63) / 64 * 64;
    return (uint32_t)(rounded <= stride ? rounded : numbers);
}

/* What the codes of a graph are made by, from all vectors. Zeroed at first. */
struct fi_graph_survey {
    double *sums;   /* of each number, after scaling: the mean times count */
    double largest; /* number; under DOT norm */
    uint64_t count;
};

/* Whether a vector can have a node. */
bool fi_graph_code_accepts(const struct fi_graph_parameters *parameters, const uint8_t *vector);
/* Takes a vector that is accepted into account. Requires: survey->sums has a number for each of a
 * code. */
void fi_graph_code_survey(const struct fi_graph_parameters *parameters,
                          struct fi_graph_survey *survey, const uint8_t *vector);
/* Sets scale and mean of the graph. */
void fi_graph_code_set_scale(struct fi_graph *graph, const struct fi_graph_survey *survey);
/* Writes the record of a vector. transformed: room for the numbers of a code. */
void fi_graph_code_write(const struct fi_graph *graph, const uint8_t *vector, float *transformed,
                         uint8_t *record);
/* Makes the record of a center from the mean of what the codes of nodes stand for. */
void fi_graph_code_write_center(const struct fi_graph *graph, const float *mean, uint8_t *record);
/* Centers were compared with nodes, and are to be compared with queries. */
void fi_graph_code_end_centers(struct fi_graph *graph);
/* Makes room for queries of the graph. */
FIRN_MUST_CHECK int fi_graph_code_prepare(const struct fi_graph *graph,
                                          struct fi_graph_scratch *scratch, firn_error *err);
/* Makes the query of the scratch from a vector, which need not be accepted. */
FIRN_MUST_CHECK int fi_graph_code_query(const struct fi_graph *graph, const uint8_t *vector,
                                        struct fi_graph_scratch *scratch, firn_error *err);
/* Numbers as codes c, of -127 to 127: they are about scale * c. */
struct fi_graph_quantised {
    float scale;
    float norm;  /* scale^2 times the sum of c^2 */
    int32_t sum; /* of c */
};
/* Writes the codes of that many numbers, which are finite; at least one. */
struct fi_graph_quantised fi_graph_code_quantise(const float *numbers, size_t count, int8_t *codes);
/* Makes a query from a record. Requires: prepared. */
void fi_graph_code_query_of(const struct fi_graph *graph, const uint8_t *record,
                            struct fi_graph_query *out);
/* Distances of four records to the query. */
void fi_graph_code_measure_four(const struct fi_graph *graph, const struct fi_graph_query *query,
                                const uint8_t *const records[4], float out[4]);

/* ==== walking (graph_walk.c) ==== */

/* Makes room for pools of up to `limit` nodes, without a walk. */
FIRN_MUST_CHECK int fi_graph_walk_prepare_pool(struct fi_graph_scratch *scratch, size_t limit,
                                               firn_error *err);
/* Makes room for walks through a graph whose pools have up to `limit` nodes. */
FIRN_MUST_CHECK int fi_graph_walk_prepare(const struct fi_graph *graph,
                                          struct fi_graph_scratch *scratch, size_t limit,
                                          firn_error *err);
/* Begins anew: nothing is visited, the pool is empty and has a limit. */
void fi_graph_walk_begin(struct fi_graph_scratch *scratch, size_t limit);
/* Puts a node into the pool, whether allowed or not. */
FIRN_MUST_CHECK int fi_graph_walk_enter(const struct fi_graph *graph,
                                        struct fi_graph_scratch *scratch, uint32_t node,
                                        firn_error *err);
/* Follows links of one level until all nodes of the pool were followed, or so many codes were
 * measured. */
FIRN_MUST_CHECK int fi_graph_walk(const struct fi_graph *graph, struct fi_graph_scratch *scratch,
                                  uint32_t level, uint64_t evaluated_max, firn_error *err);
/* Goes from the entry down to a level, each time to the nearest nodes: the pool has a few of them.
 * Requires: the graph is not empty, and room was made for walks. */
FIRN_MUST_CHECK int fi_graph_walk_descend(const struct fi_graph *graph,
                                          struct fi_graph_scratch *scratch, uint32_t from,
                                          uint32_t level, firn_error *err);
/* Measures nodes, without following links, and keeps the nearest in the pool. count <=
 * FI_GRAPH_BATCH_MAX. */
FIRN_MUST_CHECK int fi_graph_walk_measure(const struct fi_graph *graph,
                                          struct fi_graph_scratch *scratch, const uint32_t *nodes,
                                          size_t count, firn_error *err);
/* The same for any number of nodes, most of which are too far: some codes are on their way from
 * memory while others are measured. */
FIRN_MUST_CHECK int fi_graph_walk_measure_all(const struct fi_graph *graph,
                                              struct fi_graph_scratch *scratch,
                                              const uint32_t *nodes, size_t count, firn_error *err);
/* The same for the nodes of a memo whose codes were gathered. */
void fi_graph_walk_measure_gathered(const struct fi_graph *graph, struct fi_graph_scratch *scratch,
                                    const struct fi_graph_gathered *gathered);
/* The same for consecutive nodes whose records lie side by side. */
void fi_graph_walk_measure_run(const struct fi_graph *graph, struct fi_graph_scratch *scratch,
                               uint32_t first, const uint8_t *records, size_t count);
/* Puts the first n of four nodes into a pool, where they are near enough. */
void fi_graph_walk_offer_near(struct fi_graph_pool *pool, const float distances[4],
                              const uint32_t *nodes, size_t n);
/* The same. None is before the last one, in most fours: one branch, which is foreseen. */
static inline void
fi_graph_walk_offer(struct fi_graph_pool *pool, const float distances[4], const uint32_t *nodes,
                    size_t n)
{
    const float last = pool->count == pool->limit
                           ? fi_graph_item_distance(pool->items[pool->count - 1])
                           : __builtin_inff();
    if (!((distances[0] > last) & (distances[1] > last) & (distances[2] > last) &
          (distances[3] > last))) {
        fi_graph_walk_offer_near(pool, distances, nodes, n);
    }
}
/* Whether a walk has met a node. */
static inline bool
fi_graph_walk_was_visited(const struct fi_graph_scratch *scratch, uint32_t node)
{
    return (scratch->visited[node / 64] >> node % 64 & 1) != 0;
}
/* Whether a node is seen for the first time, which it no longer is. */
bool fi_graph_walk_visit(struct fi_graph_scratch *scratch, uint32_t node);
/* The highest level of a node. */
uint32_t fi_graph_walk_level_of(const struct fi_graph *graph, uint32_t node);
/* The links of a node at a level, as bytes; pin is that of level 0, which the caller gives back. */
FIRN_MUST_CHECK int fi_graph_walk_links(const struct fi_graph *graph, uint32_t node, uint32_t level,
                                        struct fi_block_pin *pin, const uint8_t **out,
                                        size_t *out_width, firn_error *err);
/* Chooses of candidates, ascending by their distance to some node, so that they lie in different
 * directions from it: scratch->chosen, which has *out_count already, has `most` in the end, or
 * fewer. */
FIRN_MUST_CHECK int fi_graph_walk_select(const struct fi_graph *graph,
                                         struct fi_graph_scratch *scratch,
                                         const uint64_t *candidates, size_t count, size_t most,
                                         size_t *out_count, firn_error *err);
/* Whether a row of a node is allowed. */
bool fi_graph_walk_is_allowed(const struct fi_graph *graph, const uint64_t *allowed, uint32_t node);
/* The first twin of a node, or something that is not the node's. */
size_t fi_graph_walk_first_twin(const struct fi_graph *graph, uint32_t node);
/* The m links of a node at a level above 0, for a build. Requires: the node is on it. */
uint32_t *fi_graph_walk_upper_list(const struct fi_graph *graph, uint32_t node, uint32_t level);
/* The place of a node among those above level 0; upper_count: it is not there. */
static inline uint32_t
fi_graph_find_upper(const struct fi_graph *graph, uint32_t node)
{
    size_t low = 0;
    size_t high = graph->upper_count;
    FI_SEARCH_FIRST(low, high, middle, graph->upper_nodes[middle] < node);
    return low < graph->upper_count && graph->upper_nodes[low] == node ? (uint32_t)low
                                                                       : graph->upper_count;
}

/* ==== lists (graph_lists.c) ==== */

struct fi_graph_measure;
/* The threads of a build: run calls task with parts of 0 to count, and a scratch that is prepared
 * for codes, from all threads. */
struct fi_graph_team {
    void *ctx;
    int (*run)(void *ctx, uint32_t count,
               void (*task)(void *task_ctx, struct fi_graph_scratch *scratch, uint32_t begin,
                            uint32_t end),
               void *task_ctx, firn_error *err);
};
/* Divides the nodes into lists, and gives them new numbers, here and in the measure, which may be
 * NULL. Requires: the graph has codes in memory, and no links. Fails as the team does;
 * FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_graph_lists_make(struct fi_graph *graph, const struct fi_graph_team *team,
                                        struct fi_graph_measure *measure, firn_error *err);
/* Puts the nearest nodes of some lists into the pool: of the nearest, until so many codes were
 * compared as a width stands for, or of those whose centers are at most as far as the radius.
 * Requires: a walk was begun. */
FIRN_MUST_CHECK int fi_graph_lists_search(const struct fi_graph *graph,
                                          struct fi_graph_scratch *scratch, size_t width,
                                          firn_error *err);
FIRN_MUST_CHECK int fi_graph_lists_search_within(const struct fi_graph *graph,
                                                 struct fi_graph_scratch *scratch, float radius,
                                                 firn_error *err);

/* ==== sketches of lists (graph_sketch.c) ==== */

/* Searching lists by sketches. Through pointers, so that a program which only builds graphs does
 * not have it. */
struct fi_graph_sketching {
    /* Begins a search in the lists of a graph that is open, for the query of the scratch. Nothing
     * is read yet. */
    int (*begin)(const struct fi_graph *graph, struct fi_graph_scratch *scratch, firn_error *err);
    /* Puts the nearest nodes of a list into the pool, by their sketches. distance: from the query
     * to the center of the list, as their codes have it. */
    int (*measure)(const struct fi_graph *graph, struct fi_graph_scratch *scratch, uint32_t list,
                   float distance, firn_error *err);
    /* Starts to fetch the sketches of a list from memory, if they are in the cache. */
    void (*prefetch)(const struct fi_graph *graph, uint32_t list);
    void (*destroy)(struct fi_graph_sketches *sketches);
};
/* By how much the root of a node's distance may be wrong (under DOT half of the distance), with few
 * exceptions; or not a number. Requires: its list was measured. */
float fi_graph_sketch_error(const struct fi_graph *graph, const struct fi_graph_scratch *scratch,
                            uint32_t node);

/* ==== nodes that descents do not find (graph_connect.c) ==== */

/* Whether descents find a node on all its levels above 0. Any thread while the graph does not
 * change, with a scratch that is prepared. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_graph_connect_inspect(const struct fi_graph *graph,
                                             struct fi_graph_scratch *scratch, uint32_t node,
                                             bool *out_is_found, firn_error *err);
/* Makes links to it where they do not. One thread; the graph is being built. */
FIRN_MUST_CHECK int fi_graph_connect(struct fi_graph *graph, struct fi_graph_scratch *scratch,
                                     uint32_t node, firn_error *err);

/* ==== an older graph (graph_merge.c) ==== */

/* Which nodes of an older graph are kept. In the caller's memory, which forgets it at the end. */
struct fi_graph_merge {
    const struct fi_graph
        *old;          /* open, of the same parameters but for the seed; NULL: nothing is kept */
    uint32_t *node_of; /* the node that each old one becomes; FI_GRAPH_NONE: it is gone */
    uint32_t *old_of;  /* the old node of each node; FI_GRAPH_NONE: it is new */
    uint32_t entry;    /* one of the highest level of those that are kept */
    uint32_t top_level;
    bool is_damaged; /* the old graph was, so nothing is kept */
};

/* Asks for the row of each old node by the fingerprint of its vector; find returns FI_GRAPH_NONE
 * where there is none. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_graph_merge_match(struct fi_graph_merge *merge, uint64_t seed,
                                         uint32_t (*find)(const void *ctx,
                                                          const uint8_t *fingerprint),
                                         const void *ctx, firn_error *err);
/* Makes nodes of these rows. Requires: graph->rows_of is there. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_graph_merge_keep(struct fi_graph_merge *merge, const struct fi_graph *graph);
/* Writes the links that a kept node has at a level into list: at most as many as it had before.
 * Requires: list has room for as many as a list of the old graph has. Reads what does not change;
 * any thread with a scratch that is prepared. Fails where the old graph is damaged. */
FIRN_MUST_CHECK int fi_graph_merge_links(const struct fi_graph_merge *merge,
                                         const struct fi_graph *graph,
                                         struct fi_graph_scratch *scratch, uint32_t node,
                                         uint32_t level, uint32_t *list, size_t *out_count,
                                         firn_error *err);
/* Nothing is kept. */
void fi_graph_merge_forget(struct fi_graph_merge *merge);

/* ==== memos (graph_memo.c) ==== */

/* NULL: there is no memory. */
struct fi_graph_memos *fi_graph_memo_create(void);
/* No thread may be inside. NULL is fine. */
void fi_graph_memo_destroy(struct fi_graph_memos *memos);
/* The most memory that the memos of a run take that has so many rows and codes of that stride. */
uint64_t fi_graph_memo_bytes(uint64_t rows, size_t stride);

/* The codes of the nodes of a memo, side by side: so they come from memory several times as
 * fast. */
struct fi_graph_gathered {
    size_t count;
    size_t room;
    uint32_t *nodes;
    uint8_t *codes; /* of the graph's stride each, from a cache line on */
};
/* NULL: they were not gathered. Valid until the memo's user leaves. */
const struct fi_graph_gathered *fi_graph_memo_gathered(const struct fi_graph_memo *memo);
/* One to be filled by the caller, who must end it; NULL: there are too many nodes, or no memory. */
struct fi_graph_gathered *fi_graph_memo_gather(const struct fi_graph *graph,
                                               const struct fi_graph_memo *memo);
/* Gives it to the memo if all nodes are there, and it has none yet; else frees it. */
void fi_graph_memo_gather_end(const struct fi_graph *graph, const struct fi_graph_memo *memo,
                              struct fi_graph_gathered *gathered, bool is_whole);

/* ==== recall (graph_recall.c) ==== */

/* The number of nearest rows that recall i of a width is for. */
size_t fi_graph_recall_wanted(size_t i);
/* About how many codes a walk of that width compares. */
uint64_t fi_graph_recall_compared(const struct fi_graph *graph, size_t ef);

/* ==== measuring (graph_measure.c) ==== */

struct fi_graph_measure;

/* Chooses nodes as queries; *out is NULL if there are too few nodes. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_graph_measure_create(const struct fi_graph *graph,
                                            struct fi_graph_measure **out, firn_error *err);
/* NULL is fine. */
void fi_graph_measure_destroy(struct fi_graph_measure *measure);
uint32_t fi_graph_measure_count(const struct fi_graph_measure *measure);
/* Keeps the vector if the node is a query. Requires: all nodes come, in order. NULL is fine. */
void fi_graph_measure_note(struct fi_graph_measure *measure, uint32_t node, const uint8_t *vector);
/* Compares query i with the vectors of nodes from `first` on. Requires: all nodes come once, in
 * order. Another thread may do so for another query. */
void fi_graph_measure_compare(struct fi_graph_measure *measure, uint32_t i, uint32_t first,
                              const uint8_t *const *vectors, size_t count);
/* Nodes get other numbers. Requires: all comparing was ended, and no walk was done. NULL is
 * fine. */
void fi_graph_measure_renumber(struct fi_graph_measure *measure, const uint32_t *number_of);
/* Ends the comparing for query i. */
void fi_graph_measure_resolve(struct fi_graph_measure *measure, uint32_t i);
/* Walks for query i with the present width, and counts what it finds. Another thread may do so for
 * another query. Requires: the scratch is prepared. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_graph_measure_walk(struct fi_graph_measure *measure, uint32_t i,
                                          struct fi_graph_scratch *scratch, firn_error *err);
/* Adds what all queries found to the graph's widths, and goes on to the next width; false: there is
 * none. */
bool fi_graph_measure_next(struct fi_graph_measure *measure, struct fi_graph *graph);

/* ==== nodes (graph_nodes.c) ==== */

/* A number that looks random, of two. */
static inline uint64_t
fi_graph_mix(uint64_t seed, uint64_t i)
{
    uint64_t z = seed + (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Gives the graph nodes with codes and levels, and room for links, none of which are there. The
 * stride of codes and the width of lists are set. */
FIRN_MUST_CHECK int fi_graph_nodes_make(const struct fi_graph_source *source,
                                        const struct fi_graph_build_options *options,
                                        struct fi_graph *graph, struct fi_graph_merge *merge,
                                        struct fi_graph_measure **out_measure, firn_error *err);

/* ==== files (graph_read.c) ==== */

/* Where a block of an array is in the file. */
struct fi_block_ref fi_graph_read_ref(const struct fi_graph *graph,
                                      const struct fi_graph_array *array, uint32_t block);
/* Reads a block that the caller unpins. */
FIRN_MUST_CHECK int fi_graph_read_pinned(const struct fi_graph *graph,
                                         const struct fi_graph_array *array, uint32_t block,
                                         enum fi_block_cache_use use, struct fi_block_pin *out,
                                         firn_error *err);

/* Reads a block. *out is where it lies as long as the graph is open; or, if blocks are not kept,
 * until *pin is given back. */
FIRN_MUST_CHECK int fi_graph_read_block(const struct fi_graph *graph,
                                        const struct fi_graph_array *array, uint32_t block,
                                        struct fi_block_pin *pin, const uint8_t **out,
                                        firn_error *err);
/* Sets stride, per_block, reciprocal and blocks. */
void fi_graph_read_array_set(struct fi_graph_array *array, size_t stride, uint32_t count);

#endif
