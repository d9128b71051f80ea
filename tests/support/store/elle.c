/* SPDX-License-Identifier: Apache-2.0
 *
 * support/store/elle.c: the checker.
 *
 * 1. Each transaction is held against itself: what it reads of a key is what it read before, with
 *    what it appended since.
 * 2. Of each key the longest list that was read is the order of its values, and every other reading
 *    must be a beginning of it. (Registers: the order is made from "read this, wrote that".)
 * 3. Edges between committed transactions: ww from a value's writer to the next one's; wr from the
 *    writer of the last value read to the reader; rw from a reader to the writer of the first value
 *    that it did not see; and from each transaction to those that began after it had ended (time),
 *    which counts as wr.
 * 4. Cycles: of ww (G0); of ww and wr (G1c); of these with one rw (G-single); with several rw, no two
 *    in a row (forbidden by snapshot isolation, after Cerone and Gotsman, 2016: the relation "ww or wr,
 *    then at most one rw" must have no cycle); of any.
 *
 * Memory is malloc's, and running out of it ends the program.
 */
#include "elle.h"
#include "support/test.h"

enum kind { APPEND, READ, WRITE_REGISTER, READ_REGISTER };

struct op {
    enum kind kind;
    unsigned key;
    uint32_t value;
    size_t list; /* where it begins in the pool */
    size_t count;
};

struct txn {
    size_t first_op;
    size_t op_count;
    uint64_t began;
    uint64_t ended;
    bool is_committed;
};

struct array {
    void *items;
    size_t count;
    size_t capacity;
};

struct elle_history {
    struct array txns;
    struct array ops;
    struct array pool; /* of uint32_t */
};

static void *
push(struct array *array, size_t size, const void *item)
{
    if (array->count == array->capacity) {
        array->capacity = array->capacity == 0 ? 64 : 2 * array->capacity;
        array->items = realloc(array->items, array->capacity * size);
        assert_non_null(array->items);
    }
    void *place = (char *)array->items + array->count++ * size;
    memcpy(place, item, size);
    return place;
}

static void *
zeroed(size_t count, size_t size)
{
    void *memory = calloc(count + 1, size);
    assert_non_null(memory);
    return memory;
}

static struct txn *
txn_at(const struct elle_history *history, size_t i)
{
    return (struct txn *)history->txns.items + i;
}

static struct op *
op_at(const struct elle_history *history, const struct txn *txn, size_t i)
{
    return (struct op *)history->ops.items + txn->first_op + i;
}

static const uint32_t *
list_of(const struct elle_history *history, const struct op *op)
{
    return (const uint32_t *)history->pool.items + op->list;
}

/* ---- recording ---- */

struct elle_history *
elle_create(void)
{
    return zeroed(1, sizeof(struct elle_history));
}

void
elle_destroy(struct elle_history *history)
{
    free(history->txns.items);
    free(history->ops.items);
    free(history->pool.items);
    free(history);
}

void
elle_begin(struct elle_history *history, uint64_t time)
{
    const struct txn txn = {.first_op = history->ops.count, .began = time, .ended = UINT64_MAX};
    push(&history->txns, sizeof txn, &txn);
}

static void
add(struct elle_history *history, const struct op *op)
{
    push(&history->ops, sizeof *op, op);
    txn_at(history, history->txns.count - 1)->op_count++;
}

void
elle_append(struct elle_history *history, unsigned key, uint32_t value)
{
    add(history, &(struct op){.kind = APPEND, .key = key, .value = value});
}

void
elle_read(struct elle_history *history, unsigned key, const uint32_t *list, size_t count)
{
    const struct op op = {.kind = READ, .key = key, .list = history->pool.count, .count = count};
    for (size_t i = 0; i < count; i++) {
        push(&history->pool, sizeof *list, &list[i]);
    }
    add(history, &op);
}

void
elle_read_register(struct elle_history *history, unsigned key, uint32_t value)
{
    add(history, &(struct op){.kind = READ_REGISTER, .key = key, .value = value});
}

void
elle_write_register(struct elle_history *history, unsigned key, uint32_t value)
{
    add(history, &(struct op){.kind = WRITE_REGISTER, .key = key, .value = value});
}

void
elle_end(struct elle_history *history, uint64_t time, bool is_committed)
{
    struct txn *txn = txn_at(history, history->txns.count - 1);
    txn->ended = time;
    txn->is_committed = is_committed;
}

void
elle_merge(struct elle_history *history, const struct elle_history *other)
{
    for (size_t i = 0; i < other->txns.count; i++) {
        struct txn txn = *txn_at(other, i);
        size_t first = history->ops.count;
        for (size_t j = 0; j < txn.op_count; j++) {
            struct op op = *op_at(other, &txn, j);
            op.list += history->pool.count;
            push(&history->ops, sizeof op, &op);
        }
        txn.first_op = first;
        push(&history->txns, sizeof txn, &txn);
    }
    for (size_t i = 0; i < other->pool.count; i++) {
        push(&history->pool, sizeof(uint32_t), (const uint32_t *)other->pool.items + i);
    }
}

size_t
elle_count(const struct elle_history *history, bool is_committed)
{
    size_t count = 0;
    for (size_t i = 0; i < history->txns.count; i++) {
        count += txn_at(history, i)->is_committed == is_committed;
    }
    return count;
}

/* ---- checking ---- */

struct write {
    size_t txn;
    bool is_there;
    bool is_last; /* of its transaction on that key */
    unsigned key;
    uint32_t next; /* of registers: what was written over it; 0: nothing */
};

/* Who wrote which value, and the values of each key in their order. */
struct check {
    const struct elle_history *history;
    struct write *writes; /* by value */
    size_t value_count;
    struct array orders[ELLE_KEYS];
    /* Edges between transactions, as bits. */
    uint8_t *edges; /* [from * count + to] */
    size_t count;
    unsigned anomalies;
};

enum { WW = 1, WR = 2, RW = 4 };

static void
add_edge(struct check *check, size_t from, size_t to, uint8_t kind)
{
    if (from != to && txn_at(check->history, from)->is_committed &&
        txn_at(check->history, to)->is_committed) {
        check->edges[from * check->count + to] |= kind;
    }
}

static bool
is_write(const struct op *op)
{
    return op->kind == APPEND || op->kind == WRITE_REGISTER;
}

static void
find_writes(struct check *check)
{
    const struct elle_history *history = check->history;
    for (size_t i = 0; i < history->ops.count; i++) {
        const struct op *op = (const struct op *)history->ops.items + i;
        if (op->value >= check->value_count) {
            check->value_count = (size_t)op->value + 1;
        }
    }
    check->writes = zeroed(check->value_count, sizeof *check->writes);
    for (size_t i = 0; i < history->txns.count; i++) {
        const struct txn *txn = txn_at(history, i);
        uint32_t last[ELLE_KEYS] = {0};
        for (size_t j = 0; j < txn->op_count; j++) {
            const struct op *op = op_at(history, txn, j);
            if (is_write(op)) {
                struct write *write = &check->writes[op->value];
                assert_false(write->is_there); /* values are used once */
                *write =
                    (struct write){.txn = i, .is_there = true, .is_last = true, .key = op->key};
                if (last[op->key] != 0) {
                    check->writes[last[op->key]].is_last = false;
                }
                last[op->key] = op->value;
            }
        }
    }
}

/* Whether somebody wrote that value to that key. */
static bool
is_known(const struct check *check, unsigned key, uint32_t value)
{
    return value < check->value_count && check->writes[value].is_there &&
           check->writes[value].key == key;
}

/* A value that a committed transaction has read. */
static void
check_read_value(struct check *check, size_t reader, uint32_t value, bool is_end)
{
    const struct write *write = &check->writes[value];
    if (write->txn != reader) {
        if (!txn_at(check->history, write->txn)->is_committed) {
            check->anomalies |= ELLE_ABORTED_READ;
        }
        if (is_end && !write->is_last) {
            check->anomalies |= ELLE_INTERMEDIATE_READ;
        }
    }
}

/* ---- 1 ---- */

/* What a transaction knows of a key. */
struct known {
    bool is_known; /* the list before its own appends */
    const uint32_t *list;
    size_t count;
    uint32_t own[64];
    size_t own_count;
    uint32_t value; /* of a register */
};

static void
check_list_again(struct check *check, struct known *known, const struct op *op)
{
    const uint32_t *list = list_of(check->history, op);
    bool is_right =
        op->count >= known->own_count &&
        (known->own_count == 0 || memcmp(list + op->count - known->own_count, known->own,
                                         known->own_count * sizeof *list) == 0);
    size_t count = op->count - known->own_count;
    if (is_right && known->is_known) {
        is_right = count == known->count &&
                   (count == 0 || memcmp(list, known->list, count * sizeof *list) == 0);
    }
    if (!is_right) {
        check->anomalies |= ELLE_INTERNAL;
        return;
    }
    known->is_known = true;
    known->list = list;
    known->count = count;
}

static void
check_inside(struct check *check, size_t reader)
{
    const struct txn *txn = txn_at(check->history, reader);
    struct known known[ELLE_KEYS];
    memset(known, 0, sizeof known);
    for (size_t i = 0; i < txn->op_count; i++) {
        const struct op *op = op_at(check->history, txn, i);
        struct known *key = &known[op->key];
        switch (op->kind) {
        case APPEND:
            assert_true(key->own_count < sizeof key->own / sizeof *key->own);
            key->own[key->own_count++] = op->value;
            break;
        case READ:
            check_list_again(check, key, op);
            break;
        case WRITE_REGISTER:
            key->is_known = true;
            key->value = op->value;
            break;
        case READ_REGISTER:
            if (key->is_known && key->value != op->value) {
                check->anomalies |= ELLE_INTERNAL;
            }
            key->is_known = true;
            key->value = op->value;
            break;
        }
    }
}

/* ---- 2 ---- */

static void
check_read(struct check *check, size_t reader, const struct op *op)
{
    const uint32_t *list = list_of(check->history, op);
    struct array *order = &check->orders[op->key];
    for (size_t i = 0; i < op->count; i++) {
        if (!is_known(check, op->key, list[i])) {
            check->anomalies |= ELLE_INCOMPATIBLE;
            return;
        }
    }
    for (size_t i = 0; i < op->count; i++) {
        /* What a transaction appended itself comes after the last foreign value. */
        bool is_end = i + 1 == op->count || check->writes[list[i + 1]].txn == reader;
        check_read_value(check, reader, list[i], is_end);
    }
    size_t shared = order->count < op->count ? order->count : op->count;
    if (shared > 0 && memcmp(order->items, list, shared * sizeof *list) != 0) {
        check->anomalies |= ELLE_INCOMPATIBLE;
        return;
    }
    for (size_t i = order->count; i < op->count; i++) {
        push(order, sizeof *list, &list[i]);
    }
}

/* Of registers: what each transaction found and what it left. */
static void
link_registers(struct check *check, size_t i)
{
    const struct txn *txn = txn_at(check->history, i);
    uint32_t found[ELLE_KEYS] = {0};
    bool is_found[ELLE_KEYS] = {false};
    for (size_t j = 0; j < txn->op_count; j++) {
        const struct op *op = op_at(check->history, txn, j);
        if (op->kind == READ_REGISTER && !is_found[op->key]) {
            found[op->key] = op->value;
            is_found[op->key] = true;
            if (op->value != 0 && !is_known(check, op->key, op->value)) {
                check->anomalies |= ELLE_INCOMPATIBLE;
                return;
            }
            if (op->value != 0) {
                check_read_value(check, i, op->value, true);
            }
        } else if (op->kind == WRITE_REGISTER) {
            /* Value 0 of key k has its place before all: writes[0] is nobody's. */
            assert_true(is_found[op->key]);
            uint32_t *next = found[op->key] == 0 ? NULL : &check->writes[found[op->key]].next;
            struct array *order = &check->orders[op->key];
            if (next == NULL && order->count > 0) {
                check->anomalies |= ELLE_LOST; /* two wrote over nothing */
            } else if (next == NULL) {
                push(order, sizeof op->value, &op->value);
            } else if (*next != 0) {
                check->anomalies |= ELLE_LOST; /* two wrote over one value */
            } else {
                *next = op->value;
            }
            found[op->key] = op->value;
        }
    }
}

static void
follow_registers(struct check *check)
{
    for (unsigned key = 0; key < ELLE_KEYS; key++) {
        struct array *order = &check->orders[key];
        while (order->count > 0 && order->count <= check->value_count) {
            uint32_t last = ((uint32_t *)order->items)[order->count - 1];
            uint32_t next = check->writes[last].next;
            if (next == 0) {
                break;
            }
            push(order, sizeof next, &next);
        }
    }
}

/* Whatever was committed stands in an order. */
static void
find_lost(struct check *check)
{
    uint8_t *is_ordered = zeroed(check->value_count, 1);
    for (unsigned key = 0; key < ELLE_KEYS; key++) {
        for (size_t i = 0; i < check->orders[key].count; i++) {
            uint32_t value = ((uint32_t *)check->orders[key].items)[i];
            if (is_ordered[value]) {
                check->anomalies |= ELLE_INCOMPATIBLE;
            }
            is_ordered[value] = 1;
        }
    }
    for (size_t value = 0; value < check->value_count; value++) {
        const struct write *write = &check->writes[value];
        if (write->is_there && txn_at(check->history, write->txn)->is_committed &&
            !is_ordered[value]) {
            check->anomalies |= ELLE_LOST;
        }
    }
    free(is_ordered);
}

/* ---- 3 ---- */

static void
add_write_edges(struct check *check)
{
    for (unsigned key = 0; key < ELLE_KEYS; key++) {
        const uint32_t *values = check->orders[key].items;
        for (size_t i = 1; i < check->orders[key].count; i++) {
            add_edge(check, check->writes[values[i - 1]].txn, check->writes[values[i]].txn, WW);
        }
    }
}

/* A reading that ended before the i-th value of the key's order. */
static void
add_read_edges(struct check *check, size_t reader, unsigned key, size_t i)
{
    const uint32_t *values = check->orders[key].items;
    if (i > 0) {
        add_edge(check, check->writes[values[i - 1]].txn, reader, WR);
    }
    /* Its own appends come next where it made any: then ww says it. */
    if (i < check->orders[key].count) {
        add_edge(check, reader, check->writes[values[i]].txn, RW);
    }
}

static size_t
place_of(const struct check *check, unsigned key, uint32_t value)
{
    const uint32_t *values = check->orders[key].items;
    for (size_t i = 0; i < check->orders[key].count; i++) {
        if (values[i] == value) {
            return i + 1;
        }
    }
    return 0;
}

static void
add_reads(struct check *check, size_t reader)
{
    const struct txn *txn = txn_at(check->history, reader);
    for (size_t i = 0; i < txn->op_count; i++) {
        const struct op *op = op_at(check->history, txn, i);
        if (op->kind == READ && op->count <= check->orders[op->key].count) {
            add_read_edges(check, reader, op->key, op->count);
        } else if (op->kind == READ_REGISTER) {
            size_t place = place_of(check, op->key, op->value);
            if (place > 0 || op->value == 0) { /* else it is lost */
                add_read_edges(check, reader, op->key, place);
            }
        }
    }
}

static void
add_times(struct check *check)
{
    for (size_t i = 0; i < check->count; i++) {
        for (size_t j = 0; j < check->count; j++) {
            if (txn_at(check->history, i)->ended < txn_at(check->history, j)->began) {
                add_edge(check, i, j, WR);
            }
        }
    }
}

/* ---- 4 ---- */

/* Whether the edges that take(edge) picks make a cycle: nodes without edges that lead to them are
 * taken away until there are none. */
static bool
has_cycle(const uint8_t *edges, size_t count, uint8_t kinds)
{
    size_t *incoming = zeroed(count, sizeof *incoming);
    size_t *ready = zeroed(count, sizeof *ready);
    size_t ready_count = 0;
    size_t gone = 0;
    for (size_t i = 0; i < count * count; i++) {
        incoming[i % count] += (edges[i] & kinds) != 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (incoming[i] == 0) {
            ready[ready_count++] = i;
        }
    }
    while (gone < ready_count) {
        const uint8_t *row = edges + ready[gone++] * count;
        for (size_t i = 0; i < count; i++) {
            if ((row[i] & kinds) != 0 && --incoming[i] == 0) {
                ready[ready_count++] = i;
            }
        }
    }
    free(incoming);
    free(ready);
    return gone < count;
}

/* Whether `to` can be reached from `from` over these edges. */
static bool
reaches(const struct check *check, size_t from, size_t to, uint8_t kinds)
{
    uint8_t *is_seen = zeroed(check->count, 1);
    size_t *stack = zeroed(check->count, sizeof *stack);
    size_t depth = 0;
    stack[depth++] = from;
    is_seen[from] = 1;
    while (depth > 0 && !is_seen[to]) {
        const uint8_t *row = check->edges + stack[--depth] * check->count;
        for (size_t i = 0; i < check->count; i++) {
            if ((row[i] & kinds) != 0 && !is_seen[i]) {
                is_seen[i] = 1;
                stack[depth++] = i;
            }
        }
    }
    bool is_reached = is_seen[to];
    free(is_seen);
    free(stack);
    return is_reached;
}

static bool
has_single(const struct check *check)
{
    for (size_t i = 0; i < check->count * check->count; i++) {
        if ((check->edges[i] & RW) != 0 &&
            reaches(check, i % check->count, i / check->count, WW | WR)) {
            return true;
        }
    }
    return false;
}

/* "ww or wr, then at most one rw" as edges of kind WW. */
static uint8_t *
compose(const struct check *check)
{
    size_t count = check->count;
    uint8_t *edges = zeroed(count * count, 1);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            if ((check->edges[i * count + j] & (WW | WR)) == 0) {
                continue;
            }
            edges[i * count + j] = WW;
            for (size_t k = 0; k < count; k++) {
                edges[i * count + k] |= (check->edges[j * count + k] & RW) != 0 ? WW : 0;
            }
        }
    }
    return edges;
}

static void
find_cycles(struct check *check)
{
    if (!has_cycle(check->edges, check->count, WW | WR | RW)) {
        return;
    }
    uint8_t *edges = compose(check);
    if (has_cycle(check->edges, check->count, WW)) {
        check->anomalies |= ELLE_G0;
    } else if (has_cycle(check->edges, check->count, WW | WR)) {
        check->anomalies |= ELLE_G1C;
    } else if (has_single(check)) {
        check->anomalies |= ELLE_G_SINGLE;
    } else if (has_cycle(edges, check->count, WW)) {
        check->anomalies |= ELLE_G_NONADJACENT;
    } else {
        check->anomalies |= ELLE_G2;
    }
    free(edges);
}

unsigned
elle_check(const struct elle_history *history)
{
    struct check check = {.history = history, .count = history->txns.count};
    check.edges = zeroed(check.count * check.count, 1);
    find_writes(&check);
    for (size_t i = 0; i < check.count; i++) {
        const struct txn *txn = txn_at(history, i);
        check_inside(&check, i);
        for (size_t j = 0; j < txn->op_count && txn->is_committed; j++) {
            if (op_at(history, txn, j)->kind == READ) {
                check_read(&check, i, op_at(history, txn, j));
            }
        }
        if (txn->is_committed) {
            link_registers(&check, i);
        }
    }
    follow_registers(&check);
    find_lost(&check);
    if ((check.anomalies & ELLE_INCOMPATIBLE) == 0) {
        add_write_edges(&check);
        for (size_t i = 0; i < check.count; i++) {
            add_reads(&check, i);
        }
        add_times(&check);
        find_cycles(&check);
    }
    for (unsigned key = 0; key < ELLE_KEYS; key++) {
        free(check.orders[key].items);
    }
    free(check.writes);
    free(check.edges);
    return check.anomalies;
}

const char *
elle_names(unsigned anomalies)
{
    static const char *const names[] = {
        "aborted read", "intermediate read", "internal", "incompatible", "lost", "G0", "G1c",
        "G-single",     "G-nonadjacent",     "G2"};
    static char text[256];
    int size = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if ((anomalies & 1u << i) != 0) {
            size += snprintf(text + size, sizeof text - (size_t)size, "%s%s", size > 0 ? ", " : "",
                             names[i]);
        }
    }
    return text;
}
