/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/notes: the notes that firn keeps outside of stores (docs/formats/notes.md), and the one that
 * the holder of a store's lock writes (docs/formats/store.md), made of hostile bytes. A store is
 * trusted, a journal this user's, and a holder's note told if, and only if, the bytes are exactly
 * what the formats say; these are written down here a second time.
 *
 * The first byte says which; what follows is the file. Bytes below 9 stand for what only this
 * machine knows, so that a note can be right.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "codec/crc32c.h"
#include "codec/hex.h"
#include "handle/ws_opened.h"
#include "operations/operations.h"
#include "place/place.h"
#include "sim/sim_memory.h"
#include "store/db.h"
#include "storefile/storefile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    SIZE_MAX_OF_NOTE = 16384,
    ID_LETTERS = 2 * FI_STOREFILE_ID_SIZE,
    LOCK_NOTE_OFFSET = 64,
    LOCK_RECORD_SIZE = 72,
    LOCK_FILE_SIZE = LOCK_NOTE_OFFSET + LOCK_RECORD_SIZE
};

static const uint8_t TAG[FI_CATALOG_JOURNAL_TAG_SIZE] = {0x7b, 0x87, 0xf8, 0x8e, 0xbf, 0xba, 1, 2};
static const char TAG_HEX[] = "7b87f88ebfba0102";
static const char SETTINGS[] = "keep = forever\n";

/* A machine with the workspace "/w", whose store is in it, trusted and open. */
struct machine {
    struct fi_os *os;
    struct firn_ws *ws;
    struct fi_ws_opened opened;
    struct fi_os_file *lock; /* held as by another writer */
    struct fi_os_stat stat;  /* of the store's directory */
    char id[ID_LETTERS + 1];
    char trust_name[FI_TRUST_PRIVATE_NAME_SIZE];
    char begun_name[FI_TRUST_PRIVATE_NAME_SIZE];
    char root_name[FI_TRUST_PRIVATE_NAME_SIZE];
    char settings_name[FI_TRUST_PRIVATE_NAME_SIZE + 16];
    char settings_hash[2 * sizeof(firn_hash) + 1];
};

static struct fi_os_dir *
open_dir(const struct machine *machine, const char *path)
{
    struct fi_os_dir *dir;
    CHECK(fi_os_dir_open_path(machine->os, path, &dir, NULL) == FIRN_OK);
    return dir;
}

static void
put(const struct machine *machine, const char *folder, const char *name, firn_slice bytes)
{
    struct fi_os_dir *dir = open_dir(machine, folder);
    struct fi_os_file *file;
    CHECK(fi_os_file_open(dir, name, FI_OS_WRITE | FI_OS_CREATE | FI_OS_TRUNCATE, 0600, &file,
                          NULL) == FIRN_OK);
    CHECK(fi_os_file_write(file, 0, bytes.data, bytes.size, NULL) == FIRN_OK);
    fi_os_file_close(file);
    fi_os_dir_close(dir);
}

static int
keep_name(void *ctx, const struct fi_os_dirent *entry)
{
    if (strchr(entry->name, '.') != NULL) { /* what belongs to a note */
        return FIRN_OK;
    }
    CHECK(entry->name_size == FI_TRUST_PRIVATE_NAME_SIZE - 1);
    memcpy(ctx, entry->name, FI_TRUST_PRIVATE_NAME_SIZE);
    return FIRN_OK;
}

/* The name of the one note there is. */
static void
find_name(const struct machine *machine, const char *folder, char *out)
{
    struct fi_os_dir *dir = open_dir(machine, folder);
    CHECK(fi_os_dir_list(dir, keep_name, out, NULL) == FIRN_OK);
    fi_os_dir_close(dir);
}

static void
prepare(struct machine *machine)
{
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    firn_workspace_save_options save = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_save_result result;
    const struct fi_catalog_journal none = {.state = FI_CATALOG_JOURNAL_NONE};
    CHECK(fi_sim_memory_create(1, &machine->os, NULL) == FIRN_OK);
    struct fi_os_dir *top = open_dir(machine, "/");
    CHECK(fi_os_make_dir(top, "w", 0700, NULL) == FIRN_OK);
    fi_os_dir_close(top);
    options.store_path = "/w/.firn";
    save.threads = 1;
    CHECK(fi_ws_open(machine->os, "/w", &options, &machine->ws, NULL) == FIRN_OK);
    CHECK(fi_ws_save(machine->ws, &save, &result, NULL) == FIRN_OK); /* and trusts it */
    CHECK(fi_ws_opened_open(machine->ws, FI_WS_READ, &machine->opened, NULL) == FIRN_OK);
    CHECK(fi_trust_store_enter(machine->os, "/w", NULL) == FIRN_OK);
    CHECK(fi_ws_begun_note(machine->ws, &machine->opened, TAG, &none, NULL) == FIRN_OK);
    const struct fi_trust_root root = {.store_id = fi_db_id(machine->opened.db), .path = "/w"};
    CHECK(fi_trust_root_note(machine->os, &root, NULL) == FIRN_OK);
    find_name(machine, "/data/firn/.trusted", machine->trust_name);
    find_name(machine, "/data/firn/.roots", machine->root_name);
    (void)snprintf(machine->settings_name, sizeof machine->settings_name, "%s.settings",
                   machine->trust_name);
    firn_hash hash;
    fi_blake3_hash_of(SETTINGS, sizeof SETTINGS - 1, &hash);
    fi_hex_encode(hash.bytes, sizeof hash.bytes, machine->settings_hash);
    find_name(machine, "/data/firn/.restoring", machine->begun_name);
    fi_hex_encode(fi_db_id(machine->opened.db), FI_STOREFILE_ID_SIZE, machine->id);
    struct fi_os_dir *store = open_dir(machine, "/w/.firn");
    CHECK(fi_os_dir_stat(store, &machine->stat, NULL) == FIRN_OK);
    CHECK(machine->stat.btime_ns != 0); /* otherwise the root counts too */
    CHECK(fi_os_file_open(store, "LOCK", FI_OS_READ | FI_OS_WRITE, 0, &machine->lock, NULL) ==
          FIRN_OK);
    CHECK(fi_os_file_lock_range(machine->lock, FI_OS_LOCK_EXCLUSIVE, 0, 1, NULL) == FIRN_OK);
    fi_os_dir_close(store);
}

/* Appends the input with what its small bytes stand for. */
static void
expand(const struct machine *machine, firn_slice bytes, struct fi_buf *out)
{
    for (size_t i = 0; i < bytes.size; i++) {
        int rc;
        switch (bytes.data[i]) {
        case 1:
            rc = fi_buf_append_str(out, machine->id);
            break;
        case 2:
            rc = fi_buf_append_format(out, "%" PRIu32, machine->stat.uid);
            break;
        case 3:
            rc = fi_buf_append_format(out, "%" PRIu64, machine->stat.inode);
            break;
        case 4:
            rc = fi_buf_append_format(out, "%" PRId64, machine->stat.btime_ns);
            break;
        case 5:
            rc = fi_buf_append_str(out, TAG_HEX);
            break;
        case 6:
            rc = fi_buf_append_format(out, "%" PRIu32, machine->opened.workspace.number);
            break;
        case 7: /* a long one */
            rc = FIRN_OK;
            for (unsigned n = 0; n < SIZE_MAX_OF_NOTE / 2 && rc == FIRN_OK; n++) {
                rc = fi_buf_append_u8(out, 'x');
            }
            break;
        case 8:
            rc = fi_buf_append_str(out, machine->settings_hash);
            break;
        default:
            rc = fi_buf_append_u8(out, bytes.data[i]);
        }
        CHECK(rc == FIRN_OK);
    }
}

/* Whether bytes begin with a text, which is passed over. */
static bool
skip(firn_slice *bytes, const char *text)
{
    size_t size = strlen(text);
    bool is_there =
        bytes->data != NULL && bytes->size >= size && memcmp(bytes->data, text, size) == 0;
    if (is_there) {
        *bytes = firn_bytes(bytes->data + size, bytes->size - size);
    }
    return is_there;
}

/* ---- trust ---- */

static bool
is_trust(const struct machine *machine, firn_slice bytes)
{
    char identity[256];
    bool fits = bytes.size <= SIZE_MAX_OF_NOTE;
    (void)snprintf(identity, sizeof identity,
                   "\nowner %" PRIu32 "\ninode %" PRIu64 "\nbirth %" PRId64 "\nroot ",
                   machine->stat.uid, machine->stat.inode, machine->stat.btime_ns);
    return fits && (skip(&bytes, "firn trust 1\nstore ") || skip(&bytes, "firn trust 2\nstore ")) &&
           (skip(&bytes, machine->id) || skip(&bytes, "--------------------------------")) &&
           skip(&bytes, identity) && bytes.size > 0 && bytes.data[0] == '/' &&
           memchr(bytes.data, '\0', bytes.size) == NULL;
}

static int
check_listed(void *ctx, const firn_trust_info *info)
{
    const bool *may_be_trusted = ctx;
    CHECK(!info->is_trusted || *may_be_trusted);
    return FIRN_OK;
}

static void
trust(const struct machine *machine, firn_slice bytes)
{
    struct fi_trust_store_inspect look;
    firn_error err;
    bool is_exact = is_trust(machine, bytes);
    put(machine, "/data/firn/.trusted", machine->trust_name, bytes);
    CHECK(fi_trust_store_inspect(machine->os, "/w", &look, &err) == FIRN_OK);
    CHECK(look.has_store && look.is_trusted == is_exact);
    int rc = fi_trust_list_visit(machine->os, check_listed, &is_exact, &err);
    CHECK(rc == FIRN_OK); /* what cannot be read is told */
}

/* ---- restores ---- */

static bool
is_begun(const struct machine *machine, firn_slice bytes)
{
    char head[256];
    bool has_tag = false;
    unsigned tags = 0;
    (void)snprintf(head, sizeof head,
                   "firn restore 1\nstore %s\nworkspace %" PRIu32 "\nmachine -\nroot 2\n/w\n",
                   machine->id, machine->opened.workspace.number);
    if (bytes.size > SIZE_MAX_OF_NOTE || !skip(&bytes, head)) {
        return false;
    }
    for (; skip(&bytes, "tag "); tags++) {
        has_tag = has_tag || (bytes.size >= 16 && memcmp(bytes.data, TAG_HEX, 16) == 0);
        for (unsigned i = 0; i < 16; i++) {
            if (i >= bytes.size || bytes.data[i] == '\0' ||
                strchr("0123456789abcdef", bytes.data[i]) == NULL) {
                return false;
            }
        }
        bytes = firn_bytes(bytes.data + 16, bytes.size - 16);
        if (!skip(&bytes, "\n")) {
            return false;
        }
    }
    return bytes.size == 0 && has_tag && tags <= 2;
}

static void
begun(const struct machine *machine, firn_slice bytes)
{
    struct fi_catalog_journal journal = {.state = FI_CATALOG_JOURNAL_BEGUN};
    bool is_foreign;
    firn_error err;
    memcpy(journal.tag, TAG, sizeof journal.tag);
    put(machine, "/data/firn/.restoring", machine->begun_name, bytes);
    CHECK(fi_ws_begun_is_foreign(machine->ws, &machine->opened, &journal, &is_foreign, &err) ==
          FIRN_OK);
    CHECK(is_foreign == !is_begun(machine, bytes));
}

/* ---- roots ---- */

static void
root(const struct machine *machine, firn_slice bytes)
{
    const struct fi_trust_root root = {.store_id = fi_db_id(machine->opened.db), .path = "/w"};
    char note[128];
    firn_error err;
    bool is_noted;
    int size =
        snprintf(note, sizeof note, "firn root 1\nstore %s\nmachine -\nroot /w", machine->id);
    put(machine, "/data/firn/.roots", machine->root_name, bytes);
    CHECK(fi_trust_root_is_noted(machine->os, &root, &is_noted, &err) == FIRN_OK);
    CHECK(is_noted == fi_slice_equal(bytes, firn_bytes(note, (size_t)size)));
}

/* ---- settings ---- */

static bool
is_settings(const struct machine *machine, firn_slice bytes)
{
    unsigned lines = 0;
    bool has_text = false;
    bool is_note = skip(&bytes, "firn settings 1\n");
    for (; is_note && bytes.size > 0; lines++) {
        size_t letters = 0;
        is_note = skip(&bytes, "text ");
        has_text = has_text || (is_note && bytes.size >= 64 &&
                                memcmp(bytes.data, machine->settings_hash, 64) == 0);
        while (is_note && letters < bytes.size && bytes.data[letters] != '\0' &&
               strchr("0123456789abcdef", bytes.data[letters]) != NULL) {
            letters++;
        }
        is_note = is_note && letters == 64;
        if (is_note) {
            bytes = firn_bytes(bytes.data + letters, bytes.size - letters);
            is_note = skip(&bytes, "\n");
        }
    }
    return is_note && has_text && lines <= 2;
}

static void
settings(const struct machine *machine, firn_slice bytes)
{
    char note[256];
    firn_error err;
    bool is_known;
    (void)snprintf(note, sizeof note,
                   "firn trust 2\nstore %s\nowner %" PRIu32 "\ninode %" PRIu64 "\nbirth %" PRId64
                   "\nroot /w",
                   machine->id, machine->stat.uid, machine->stat.inode, machine->stat.btime_ns);
    put(machine, "/data/firn/.trusted", machine->trust_name, firn_str(note));
    put(machine, "/data/firn/.trusted", machine->settings_name, bytes);
    struct fi_os_dir *store = open_dir(machine, "/w/.firn");
    CHECK(fi_trust_settings_is_known(store, firn_str(SETTINGS), &is_known, &err) == FIRN_OK);
    fi_os_dir_close(store);
    CHECK(is_known == is_settings(machine, bytes));
}

/* ---- the holder of the lock ---- */

static void
hold(const struct machine *machine, firn_slice bytes, bool is_sealed)
{
    uint8_t file[LOCK_FILE_SIZE] = {0};
    uint8_t *record = file + LOCK_NOTE_OFFSET;
    size_t size = bytes.size < sizeof file ? bytes.size : sizeof file;
    struct fi_db_holder holder;
    struct fi_ws_running running;
    bool is_running;
    firn_error err;
    if (size > 0) {
        memcpy(file, bytes.data, size);
    }
    uint32_t crc = fi_crc32c(fi_crc32c(0, record, 4), record + 8, LOCK_RECORD_SIZE - 8);
    if (is_sealed) {
        fi_store_le32(record + 4, crc);
        size = sizeof file;
    }
    put(machine, "/w/.firn", "LOCK", firn_bytes(file, size));
    CHECK(fi_db_holder_query(machine->opened.db, &holder, &err) == FIRN_OK);
    uint32_t note_size = fi_load_le32(record);
    bool is_note = size == sizeof file && fi_load_le32(record + 4) == crc &&
                   note_size <= FI_DB_HOLDER_NOTE_SIZE_MAX;
    CHECK(holder.is_held);
    CHECK(holder.size == (is_note ? note_size : 0));
    CHECK(holder.size == 0 || memcmp(holder.note, record + 8, holder.size) == 0);
    for (uint32_t workspace = 1; workspace <= 2; workspace++) {
        CHECK(fi_ws_running_query(machine->opened.db, workspace, &running, &is_running, &err) ==
              FIRN_OK);
        CHECK(!is_running || (holder.size == 48 && running.workspace == workspace &&
                              running.kind >= FI_CATALOG_JOURNAL_RESTORE &&
                              running.kind <= FI_CATALOG_JOURNAL_REDO && running.phase != NULL &&
                              running.process == holder.process));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct machine machine;
    struct fi_buf bytes = {0};
    if (machine.os == NULL) {
        prepare(&machine);
    }
    if (size == 0) {
        return 0;
    }
    firn_slice rest = firn_bytes(data + 1, size - 1);
    switch (data[0] % 6) {
    case 0:
        expand(&machine, rest, &bytes);
        trust(&machine, fi_buf_slice(&bytes));
        break;
    case 1:
        expand(&machine, rest, &bytes);
        begun(&machine, fi_buf_slice(&bytes));
        break;
    case 2:
        hold(&machine, rest, false);
        break;
    case 4:
        expand(&machine, rest, &bytes);
        root(&machine, fi_buf_slice(&bytes));
        break;
    case 5:
        expand(&machine, rest, &bytes);
        settings(&machine, fi_buf_slice(&bytes));
        break;
    default:
        hold(&machine, rest, true);
    }
    fi_buf_deinit(&bytes);
    return 0;
}
