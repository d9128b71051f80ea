/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/cli/graph_store.c KIND ROOT STORE: makes a store of ROOT, of less than 64 KiB, whose trees or contents are graphs: every
 * object has its right name and every checksum is right, but one object is named in so many places that the whole is
 * astronomically large. Two checkpoints, which differ at the bottom, so that every path of one differs from the other's.
 * Without arguments, it prints the kinds. graphs.py runs every command over each of them.
 *
 *     twice    200 directories, each of which names the next one twice: 2^200 paths
 *     fan      a directory that names one directory 12,000 times, and this one a third 12,000 times
 *     links    as twice, and each file at the bottom is a hard link
 *     chains   4,000 hard links, which name two files in turn
 *     names    12,000 files whose content is one list of pieces, of 8 GiB
 *     pieces   a file of almost 16 GiB and one of 2 TiB: one piece in every place
 *     cells    a file of 8 TiB: one cell in every place, in lists of lists
 *     hole     a file of 17 GiB and one of almost 16 GiB, which are holes but for their ends
 *     fat      a directory of 10,000 files, 120 directories with long names deep: its paths have 300 MB
 *     copies   a directory that names one of 11,000 files 900 times: 10 million paths
 *     modest   24 checkpoints of a directory that names one of 300 files 300 times
 *     deep     70 directories in one another, each object of which has 2 MiB
 *     rich     a directory that names one with 3 MiB of attributes 1,000 times
 *     bombs    30 files of 16 MiB, each of one byte repeated
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/slice.h"
#include "pack/pack_cells.h"
#include "posix/os_default.h"
#include "support/workspace/ws_plant.h"

enum {
    LEVELS = 200,
    FAN = 12000,
    LINKS = 4000,
    PIECE_SIZE = 1 << 20,
    LARGE_PIECE_SIZE = 16 << 20,
    CHECKPOINTS_MAX = 24,
    LEVEL_BEST = 9
};

static void
must(struct ws_plant *planting, int rc)
{
    if (rc != FIRN_OK) {
        (void)fprintf(stderr, "graph_store: %s\n", planting->world.err.text);
        exit(1);
    }
}

static struct ws_plant_entry
folder_of(const struct ws_plant *planting, const char *name, firn_hash hash)
{
    return (struct ws_plant_entry){.name = name,
                                   .kind = FI_TREE_DIR,
                                   .mode = 0755,
                                   .uid = planting->uid,
                                   .gid = planting->gid,
                                   .hash = hash};
}

/* ---- trees ---- */

/* Directories above one, each naming the one before twice. */
static firn_hash
name_twice(struct ws_plant *planting, firn_hash below)
{
    for (int i = 0; i < LEVELS; i++) {
        const struct ws_plant_entry entries[] = {folder_of(planting, "a", below),
                                                 folder_of(planting, "b", below)};
        below = ws_plant_dir(planting, entries, 2);
    }
    return below;
}

/* A directory of so many entries that differ only in their names. */
static firn_hash
name_often(struct ws_plant *planting, struct ws_plant_entry entry, size_t count)
{
    struct ws_plant_entry *entries = calloc(count, sizeof *entries);
    char(*names)[24] = calloc(count, sizeof *names);
    if (entries == NULL || names == NULL) {
        exit(1);
    }
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(names[i], sizeof names[i], "n%07zu", i);
        entries[i] = entry;
        entries[i].name = names[i];
    }
    firn_hash hash = ws_plant_dir(planting, entries, count);
    free(entries);
    free(names);
    return hash;
}

static firn_hash
make_twice(struct ws_plant *planting, const char *text)
{
    const struct ws_plant_entry file = ws_plant_file(planting, "file", text);
    return name_twice(planting, ws_plant_dir(planting, &file, 1));
}

static firn_hash
make_fan(struct ws_plant *planting, const char *text)
{
    const struct ws_plant_entry file = ws_plant_file(planting, "file", text);
    firn_hash below = ws_plant_dir(planting, &file, 1);
    below = name_often(planting, folder_of(planting, "", below), FAN);
    return name_often(planting, folder_of(planting, "", below), FAN);
}

static firn_hash
make_links(struct ws_plant *planting, const char *text)
{
    struct ws_plant_entry first = ws_plant_file(planting, "a", text);
    struct ws_plant_entry link = first;
    link.name = "link";
    link.hard_link = "a";
    const struct ws_plant_entry entries[] = {
        first, folder_of(planting, "b", name_twice(planting, ws_plant_dir(planting, &link, 1)))};
    return ws_plant_dir(planting, entries, 2);
}

static firn_hash
make_chains(struct ws_plant *planting, const char *text)
{
    struct ws_plant_entry *entries = calloc(2 * LINKS, sizeof *entries);
    char(*names)[24] = calloc(2 * LINKS, sizeof *names);
    if (entries == NULL || names == NULL) {
        exit(1);
    }
    const struct ws_plant_entry file = ws_plant_file(planting, "", text);
    for (size_t i = 0; i < 2 * LINKS; i++) {
        (void)snprintf(names[i], sizeof names[i], "n%07zu", i);
        entries[i] = file;
        entries[i].name = names[i];
        entries[i].hard_link = i < LINKS ? NULL : names[i % 2 == 0 ? 0 : LINKS - 1];
    }
    firn_hash hash = ws_plant_dir(planting, entries, 2 * LINKS);
    free(entries);
    free(names);
    return hash;
}

static firn_hash
make_fat(struct ws_plant *planting, const char *text)
{
    enum { DEPTH = 120, FILES = 10000, NAME_SIZE = 250 };
    char name[NAME_SIZE + 1];
    firn_hash below = name_often(planting, ws_plant_file(planting, "", text), FILES);
    memset(name, 'x', NAME_SIZE);
    name[NAME_SIZE] = '\0';
    for (int i = 0; i < DEPTH; i++) {
        const struct ws_plant_entry entry = folder_of(planting, name, below);
        below = ws_plant_dir(planting, &entry, 1);
    }
    return below;
}

static firn_hash
name_files(struct ws_plant *planting, const char *text, size_t files, size_t copies)
{
    firn_hash below = name_often(planting, ws_plant_file(planting, "", text), files);
    return name_often(planting, folder_of(planting, "", below), copies);
}

static firn_hash
make_copies(struct ws_plant *planting, const char *text)
{
    return name_files(planting, text, 11000, 900);
}

static firn_hash
make_modest(struct ws_plant *planting, const char *text)
{
    return name_files(planting, text, 300, 300);
}

/* A file with nearly a MiB of attributes. */
static struct ws_plant_entry
file_with_attributes(struct ws_plant *planting, const char *name, const char *text,
                     struct fi_buf *attributes)
{
    enum { SIZE = 1000 << 10 };
    struct ws_plant_entry file = ws_plant_file(planting, name, text);
    uint8_t *value = calloc(1, SIZE);
    if (value == NULL) {
        exit(1);
    }
    must(planting, fi_tree_xattrs_append(attributes, firn_str("user.a"), firn_bytes(value, SIZE)));
    free(value);
    file.xattrs = fi_buf_slice(attributes);
    return file;
}

static firn_hash
make_deep(struct ws_plant *planting, const char *text)
{
    enum { DEPTH = 70 };
    struct fi_buf attributes = {0};
    struct ws_plant_entry entries[3];
    entries[1] = file_with_attributes(planting, "b", text, &attributes);
    entries[2] = entries[1];
    entries[2].name = "c";
    firn_hash below = ws_plant_dir(planting, NULL, 0);
    for (int i = 0; i < DEPTH; i++) {
        entries[0] = folder_of(planting, "a", below);
        below = ws_plant_dir(planting, entries, 3);
    }
    fi_buf_deinit(&attributes);
    return below;
}

static firn_hash
make_rich(struct ws_plant *planting, const char *text)
{
    struct fi_buf attributes = {0};
    struct ws_plant_entry files[3];
    files[0] = file_with_attributes(planting, "a", text, &attributes);
    files[1] = files[2] = files[0];
    files[1].name = "b";
    files[2].name = "c";
    firn_hash below = ws_plant_dir(planting, files, 3);
    fi_buf_deinit(&attributes);
    return name_often(planting, folder_of(planting, "", below), 1000);
}

/* ---- contents ---- */

static firn_hash
make_piece(struct ws_plant *planting, const char *text, size_t size)
{
    uint8_t *bytes = calloc(1, size);
    if (bytes == NULL) {
        exit(1);
    }
    memcpy(bytes, text, strlen(text));
    firn_hash hash = ws_plant_object(planting, FI_PACK_BLOB, firn_bytes(bytes, size),
                                     ws_plant_hash_of(bytes, size));
    free(bytes);
    return hash;
}

static firn_hash
make_list(struct ws_plant *planting, firn_hash piece, uint64_t piece_size, size_t count,
          firn_hash name)
{
    struct fi_pack_piece *pieces = calloc(count, sizeof *pieces);
    struct fi_buf list = {0};
    if (pieces == NULL) {
        exit(1);
    }
    for (size_t i = 0; i < count; i++) {
        pieces[i] = (struct fi_pack_piece){.size = piece_size, .hash = piece};
    }
    must(planting, fi_pack_pieces_encode(pieces, count, &list));
    firn_hash hash = ws_plant_object(planting, FI_PACK_PIECES, fi_buf_slice(&list), name);
    fi_buf_deinit(&list);
    free(pieces);
    return hash;
}

/* A file whose content is a list of count pieces. Its name is wrong, but finding that out takes as long as if it were right. */
static struct ws_plant_entry
file_of_repeats(struct ws_plant *planting, const char *name, const char *text, size_t piece_size,
                size_t count)
{
    struct ws_plant_entry file = ws_plant_file(planting, name, text);
    firn_hash piece = make_piece(planting, text, piece_size);
    file.size = (uint64_t)count * piece_size;
    file.hash = make_list(planting, piece, piece_size, count,
                          ws_plant_hash_of(&file.size, sizeof file.size));
    return file;
}

static firn_hash
make_names(struct ws_plant *planting, const char *text)
{
    return name_often(planting, file_of_repeats(planting, "file", text, PIECE_SIZE, 8 << 10), FAN);
}

static firn_hash
make_pieces(struct ws_plant *planting, const char *text)
{
    const struct ws_plant_entry entries[] = {
        file_of_repeats(planting, "a", text, PIECE_SIZE, (16 << 10) - 1),
        file_of_repeats(planting, "b", text, LARGE_PIECE_SIZE, 128 << 10)};
    return ws_plant_dir(planting, entries, 2);
}

/* A list of cells by hand: the builder would need as long as a reader. */
static firn_hash
make_cells(struct ws_plant *planting, unsigned level, uint64_t size, firn_hash item, size_t count)
{
    struct fi_buf list = {0};
    firn_hash name;
    must(planting, fi_buf_append_u8(&list, 0));
    must(planting, fi_buf_append_u8(&list, 1));
    must(planting, fi_buf_append_u8(&list, (uint8_t)level));
    must(planting, fi_buf_append_varint(&list, size));
    for (size_t i = 0; i < count; i++) {
        must(planting, fi_buf_append_varint(&list, 0));
        must(planting, fi_buf_append(&list, item.bytes, sizeof item.bytes));
    }
    fi_pack_cells_name(fi_buf_slice(&list), &name);
    (void)ws_plant_object(planting, FI_PACK_PIECES, fi_buf_slice(&list), name);
    fi_buf_deinit(&list);
    return name;
}

static struct ws_plant_entry
file_of_cells(struct ws_plant *planting, const char *name, const char *text)
{
    enum { IN_LIST = FI_PACK_CELLS_IN_LIST, TOP = 2 };
    const uint64_t low = (uint64_t)FI_PACK_CELLS_SIZE * IN_LIST;
    const uint64_t middle = low * IN_LIST;
    struct ws_plant_entry file = ws_plant_file(planting, name, text);
    firn_hash hash = make_piece(planting, text, FI_PACK_CELLS_SIZE);
    hash = make_cells(planting, 0, low, hash, IN_LIST);
    hash = make_cells(planting, 1, middle, hash, IN_LIST);
    file.size = middle * TOP;
    file.hash = make_cells(planting, 2, file.size, hash, TOP);
    return file;
}

static firn_hash
make_big(struct ws_plant *planting, const char *text)
{
    const struct ws_plant_entry entries[] = {file_of_cells(planting, "file", text)};
    return ws_plant_dir(planting, entries, 1);
}

/* A file whose content is zeros, but for a piece at its end. */
static firn_hash
make_hole(struct ws_plant *planting, const char *text)
{
    const uint64_t size = (UINT64_C(16) << 30) - PIECE_SIZE;
    const firn_hash end = make_piece(planting, text, PIECE_SIZE);
    const struct fi_pack_piece pieces[] = {{.size = size - PIECE_SIZE, .is_hole = true},
                                           {.size = PIECE_SIZE, .hash = end}};
    struct ws_plant_entry entries[] = {ws_plant_file(planting, "a", text),
                                       ws_plant_file(planting, "b", text)};
    struct fi_buf list = {0};
    must(planting, fi_pack_pieces_encode(pieces, 2, &list));
    entries[0].hash = ws_plant_object(planting, FI_PACK_PIECES, fi_buf_slice(&list),
                                      ws_plant_hash_of(&size, sizeof size));
    entries[0].size = size;
    fi_buf_deinit(&list);

    const uint64_t low = (uint64_t)FI_PACK_CELLS_SIZE * FI_PACK_CELLS_IN_LIST;
    entries[1].size = UINT64_C(17) << 30;
    firn_hash first = make_cells(planting, 0, low, end, 1);
    entries[1].hash = make_cells(planting, 1, entries[1].size, first, 1);
    return ws_plant_dir(planting, entries, 2);
}

static firn_hash
make_bombs(struct ws_plant *planting, const char *text)
{
    enum { FILES = 30 };
    struct ws_plant_entry entries[FILES];
    static char names[FILES][8];
    uint8_t *bytes = malloc(LARGE_PIECE_SIZE);
    if (bytes == NULL) {
        exit(1);
    }
    for (int i = 0; i < FILES; i++) {
        (void)snprintf(names[i], sizeof names[i], "b%03d", i);
        memset(bytes, text[0] + i, LARGE_PIECE_SIZE);
        entries[i] = ws_plant_file(planting, names[i], text);
        entries[i].size = LARGE_PIECE_SIZE;
        entries[i].hash =
            ws_plant_object(planting, FI_PACK_BLOB, firn_bytes(bytes, LARGE_PIECE_SIZE),
                            ws_plant_hash_of(bytes, LARGE_PIECE_SIZE));
    }
    free(bytes);
    return ws_plant_dir(planting, entries, FILES);
}

/* ---- the kinds ---- */

static const struct kind {
    const char *name;
    firn_hash (*make)(struct ws_plant *planting, const char *text);
    int checkpoints; /* 0: two */
    int level;       /* of compression; 0: the usual one */
} kinds[] = {
    {"twice", make_twice, 0, 0},
    {"fan", make_fan, 0, 0},
    {"links", make_links, 0, 0},
    {"chains", make_chains, 0, 0},
    {"names", make_names, 0, 0},
    {"pieces", make_pieces, 0, 0},
    {"cells", make_big, 0, 0},
    {"hole", make_hole, 0, 0},
    {"fat", make_fat, 0, 0},
    {"copies", make_copies, 0, 0},
    {"modest", make_modest, CHECKPOINTS_MAX, 0},
    {"deep", make_deep, 0, LEVEL_BEST},
    {"rich", make_rich, 0, 0},
    {"bombs", make_bombs, 0, LEVEL_BEST},
};

static int
list_kinds(void)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        (void)printf("%s\n", kinds[i].name);
    }
    return 0;
}

static void
make(struct ws_plant *planting, const struct kind *kind)
{
    static const char *const texts[] = {"first\n", "second\n"};
    for (int i = 0; i < 2 || i < kind->checkpoints; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "%s%.0d", texts[i % 2], i < 2 ? 0 : i);
        planting->level = kind->level;
        ws_plant_begin(planting);
        firn_hash root = kind->make(planting, text);
        ws_plant_end(planting, &root);
    }
}

int
main(int argc, char **argv)
{
    struct ws_plant planting = {
        .world = {.root_path = argc == 4 ? argv[2] : NULL}, .uid = geteuid(), .gid = getegid()};
    struct ws_world *world = &planting.world;
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    if (argc == 1) {
        return list_kinds();
    }
    if (argc != 4) {
        (void)fputs("usage: graph_store [KIND ROOT STORE]\n", stderr);
        return 2;
    }
    options.store_path = argv[3];
    must(&planting, fi_ws_open(fi_os_default(), argv[2], &options, &world->ws, &world->err));
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(argv[1], kinds[i].name) == 0) {
            make(&planting, &kinds[i]);
            fi_ws_close(world->ws);
            return 0;
        }
    }
    (void)fprintf(stderr, "graph_store: there is no kind '%s'\n", argv[1]);
    return 2;
}
