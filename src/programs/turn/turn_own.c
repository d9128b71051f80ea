/* SPDX-License-Identifier: Apache-2.0
 *
 * turn/turn_own.c: which files each of several turns changed that were at work at the same time.
 *
 * A step, from one checkpoint to the next, belongs to the turn that the later one has: its agent's
 * hooks saved it. Where that has none, a person, a watch or the beginning of a turn has saved it,
 * and it belongs to all turns that had begun and were not over. So a file is a turn's own if it
 * changed in a step of that turn. What an agent has written without a save while another one's turn
 * ended counts as that one's: saves after each tool (firn hook install --tools) keep such steps
 * short.
 *
 * The turn's own range begins before the oldest step that belongs to it. Its own files are compared
 * over this range. A file that another turn changed within the range cannot be told apart there:
 * it is in conflict (is_mixed). One that the other turn changed before or after it can.
 *
 * At most FILES_MAX files are told apart, in STEPS_MAX steps, else none are (is_partial).
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "task/task.h"
#include "term/term_try.h"
#include "turn/turn.h"

enum { FILES_MAX = 1 << 16, STEPS_MAX = 1 << 12, NAME_BYTES_MAX = 16 << 20, NAME_SIZE = 24 };

/* The step that is compared, and the table. */
struct reading {
    firn_workspace *workspace;
    const struct fi_task_turn *turns[1 + FI_TURN_OVERLAPS_MAX]; /* the first is the one of out */
    size_t count;
    struct fi_turn_own *out;
    uint32_t *slots; /* index + 1 into the files, by hash; 0: none */
    size_t slot_count;
    size_t name_bytes;
    size_t steps;
    uint64_t number; /* of the checkpoint that is compared */
    unsigned owners; /* bits: to which turns its step belongs */
    bool is_out_of_memory;
};

/* ---- the table of files ---- */

static uint64_t
hash_of(firn_slice path)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (size_t i = 0; i < path.size; i++) {
        hash = (hash ^ path.data[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static uint32_t *
find_slot(const struct reading *reading, firn_slice path)
{
    size_t at = (size_t)hash_of(path) & (reading->slot_count - 1);
    while (reading->slots[at] != 0) {
        const firn_slice other = reading->out->files[reading->slots[at] - 1].path;
        if (other.size == path.size && memcmp(other.data, path.data, path.size) == 0) {
            break;
        }
        at = (at + 1) & (reading->slot_count - 1);
    }
    return &reading->slots[at];
}

static bool
grow(struct reading *reading)
{
    struct fi_turn_own *own = reading->out;
    const size_t slot_count = reading->slot_count == 0 ? 64 : 2 * reading->slot_count;
    struct fi_turn_own_file *files = realloc(own->files, slot_count / 2 * sizeof(*files));
    uint32_t *slots = calloc(slot_count, sizeof(*slots));
    own->files = files != NULL ? files : own->files;
    if (files == NULL || slots == NULL) {
        free(slots);
        reading->is_out_of_memory = true;
        return false;
    }
    free(reading->slots);
    reading->slots = slots;
    reading->slot_count = slot_count;
    for (size_t i = 0; i < own->count; i++) {
        *find_slot(reading, files[i].path) = (uint32_t)i + 1;
    }
    return true;
}

/* The file of a path; NULL if there is no room, or no memory. */
static struct fi_turn_own_file *
find_file(struct reading *reading, firn_slice path)
{
    struct fi_turn_own *own = reading->out;
    if (own->count >= reading->slot_count / 2 && !grow(reading)) {
        return NULL;
    }
    uint32_t *slot = find_slot(reading, path);
    if (*slot != 0) {
        return &own->files[*slot - 1];
    }
    own->is_partial = own->count >= FILES_MAX || reading->name_bytes + path.size > NAME_BYTES_MAX;
    uint8_t *copy = own->is_partial ? NULL : malloc(path.size + 1);
    if (copy == NULL) {
        reading->is_out_of_memory = !own->is_partial;
        return NULL;
    }
    memcpy(copy, path.data, path.size);
    reading->name_bytes += path.size;
    own->files[own->count] = (struct fi_turn_own_file){.path = firn_bytes(copy, path.size)};
    *slot = (uint32_t)++own->count;
    return &own->files[own->count - 1];
}

/* ---- one step ---- */

/* The turns that a step belongs to, as bits. */
static unsigned
owners_of(const struct reading *reading, const firn_workspace_checkpoint *checkpoint)
{
    unsigned owners = 0;
    for (size_t i = 0; i < reading->count; i++) {
        const struct fi_task_turn *turn = reading->turns[i];
        if (checkpoint->number == turn->last->number ||
            fi_task_turn_is_same(checkpoint, turn->last)) {
            return 1u << i;
        }
        if (checkpoint->number < turn->last->number && checkpoint->number > turn->first_number) {
            owners |= 1u << i;
        }
    }
    return owners;
}

static int
on_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint, bool *is_compared)
{
    struct reading *reading = ctx;
    bool is_over = true;
    for (size_t i = 0; i < reading->count; i++) {
        is_over = is_over && checkpoint->number <= reading->turns[i]->first_number;
    }
    if (is_over || fi_term_signals_caught() != 0) {
        return FIRN_CANCELLED;
    }
    if (++reading->steps > STEPS_MAX) {
        reading->out->is_partial = true;
        return FIRN_CANCELLED;
    }
    reading->number = checkpoint->number;
    reading->owners = owners_of(reading, checkpoint);
    *is_compared = reading->owners != 0;
    return FIRN_OK;
}

static int
on_difference(void *ctx, const firn_workspace_difference *difference)
{
    struct reading *reading = ctx;
    const firn_workspace_change *change = &difference->change;
    const firn_workspace_entry *entry = change->after != NULL ? change->after : change->before;
    if ((entry->type == FIRN_ENTRY_DIRECTORY &&
         (change->before == NULL || change->before->type == FIRN_ENTRY_DIRECTORY)) ||
        (change->kind == FIRN_CHANGE_METADATA && change->what == FIRN_CHANGED_MTIME)) {
        return FIRN_OK;
    }
    struct fi_turn_own_file *file = find_file(reading, entry->path);
    if (file == NULL) {
        return FIRN_CANCELLED;
    }
    file->owners |= reading->owners;
    const bool is_of_others = (reading->owners & ~1u) != 0;
    if (is_of_others && reading->number < reading->turns[0]->last->number &&
        reading->number > file->other_number) {
        file->other_number = reading->number;
    }
    return FIRN_OK;
}

static int
on_compared(void *ctx, const firn_workspace_diff_result *result)
{
    const struct reading *reading = ctx;
    struct fi_turn_own *own = reading->out;
    if ((reading->owners & 1u) == 0) {
        const bool is_before_end = reading->number < reading->turns[0]->last->number;
        own->foreign_number =
            own->foreign_number == 0 && is_before_end ? reading->number : own->foreign_number;
    } else {
        own->oldest_number = reading->number;
        own->first[0] = '\0';
        if (result->before != NULL) {
            memcpy(own->first, result->before->id, sizeof(own->first));
        }
    }
    return FIRN_OK;
}

/* ---- the whole ---- */

/* Compares the steps of all of the turns. */
static int
read_steps(struct reading *reading, firn_error *err)
{
    firn_workspace_log_options options = FIRN_WORKSPACE_LOG_OPTIONS_INIT;
    const firn_workspace_checkpoint *newest = reading->turns[0]->last;
    for (size_t i = 1; i < reading->count; i++) {
        if (reading->turns[i]->last->number > newest->number) {
            newest = reading->turns[i]->last;
        }
    }
    options.after = newest->id;
    options.on_checkpoint = on_checkpoint;
    options.on_difference = on_difference;
    int code = firn_workspace_log(reading->workspace, &options, on_compared, reading, err);
    if (reading->is_out_of_memory) {
        *err = (firn_error){.code = FIRN_NO_MEMORY, .text = "out of memory"};
        return FIRN_NO_MEMORY;
    }
    return code == FIRN_CANCELLED && fi_term_signals_caught() == 0 ? FIRN_OK : code;
}

/* Whether another turn changed the file within the turn's own range. */
static bool
is_mixed(const struct fi_turn_own *own, const struct fi_turn_own_file *file)
{
    return file->other_number > own->oldest_number;
}

static int
compare_files(const void *a, const void *b)
{
    const struct fi_turn_own_file *one = a;
    const struct fi_turn_own_file *other = b;
    const size_t size = one->path.size < other->path.size ? one->path.size : other->path.size;
    const int order = memcmp(one->path.data, other->path.data, size);
    return order != 0 ? order
                      : (one->path.size > other->path.size) - (one->path.size < other->path.size);
}

/* Keeps the files of the turn, in order. */
static int
choose_own(struct fi_turn_own *own, firn_error *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < own->count; i++) {
        if ((own->files[i].owners & 1u) != 0) {
            own->files[i].is_mixed = is_mixed(own, &own->files[i]);
            own->files[kept++] = own->files[i];
        } else {
            free((void *)(uintptr_t)own->files[i].path.data);
        }
    }
    own->count = kept;
    own->paths = calloc(kept + 1, sizeof(*own->paths));
    if (own->paths == NULL) {
        *err = (firn_error){.code = FIRN_NO_MEMORY, .text = "out of memory"};
        return FIRN_NO_MEMORY;
    }
    if (kept > 0) {
        qsort(own->files, kept, sizeof(*own->files), compare_files);
    }
    for (size_t i = 0; i < kept; i++) {
        own->paths[i] = own->files[i].path;
    }
    return FIRN_OK;
}

int
fi_turn_own_read(firn_workspace *workspace, const struct fi_task_turn *turn,
                 const uint64_t *overlaps, size_t overlap_count, struct fi_turn_own *out,
                 firn_error *err)
{
    struct reading reading = {.workspace = workspace, .turns = {turn}, .count = 1, .out = out};
    int code = FIRN_OK;
    *out = (struct fi_turn_own){.overlap_count = 0};
    assert(overlap_count <= FI_TURN_OVERLAPS_MAX);
    for (size_t i = 0; i < overlap_count && code == FIRN_OK; i++) {
        char name[NAME_SIZE];
        (void)snprintf(name, sizeof(name), "@%llu", (unsigned long long)overlaps[i]);
        code = fi_task_turn_look(workspace, name, &out->overlaps[i], err);
        if (code == FIRN_OK) {
            reading.turns[reading.count++] = &out->overlaps[out->overlap_count++];
        }
    }
    if (code == FIRN_OK) {
        code = read_steps(&reading, err);
    }
    if (code == FIRN_OK) {
        code = choose_own(out, err);
    }
    free(reading.slots);
    if (code != FIRN_OK) {
        fi_turn_own_deinit(out);
    }
    return code;
}

struct finding {
    uint64_t number;
    uint64_t overlaps[FI_TURN_OVERLAPS_MAX];
    size_t count;
};

static int
on_turn(void *ctx, const struct fi_turn *turn)
{
    struct finding *finding = ctx;
    if (turn->of.last->number != finding->number) {
        return FIRN_OK;
    }
    finding->count = turn->overlap_count;
    memcpy(finding->overlaps, turn->overlaps, sizeof(finding->overlaps));
    return FIRN_CANCELLED;
}

int
fi_turn_own_find(firn_workspace *workspace, const struct fi_task_turn *turn,
                 struct fi_turn_own *out, firn_error *err)
{
    struct finding finding = {.number = turn->last->number};
    const struct fi_turn_walk_options options = {
        .limit = UINT64_MAX, .callbacks = FIRN_CALLBACKS_INIT, .on_turn = on_turn};
    *out = (struct fi_turn_own){.overlap_count = 0};
    int code = fi_turn_walk(workspace, &options, &finding, err);
    code = code == FIRN_CANCELLED && fi_term_signals_caught() == 0 ? FIRN_OK : code;
    return code == FIRN_OK && finding.count > 0
               ? fi_turn_own_read(workspace, turn, finding.overlaps, finding.count, out, err)
               : code;
}

void
fi_turn_own_deinit(struct fi_turn_own *own)
{
    for (size_t i = 0; i < own->count; i++) {
        free((void *)(uintptr_t)own->files[i].path.data);
    }
    free(own->files);
    free(own->paths);
    for (size_t i = 0; i < own->overlap_count; i++) {
        fi_task_turn_deinit(&own->overlaps[i]);
    }
    *own = (struct fi_turn_own){.overlap_count = 0};
}
