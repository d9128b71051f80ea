/* SPDX-License-Identifier: Apache-2.0
 *
 * chkp/chkp_writer.c: makes a pack.
 *
 * An entry begins with the size of its frame, but the size and the hash of an object that comes as
 * a stream are known only at its end. So an entry is begun with an empty head, and the head is
 * filled in when the frame is complete. Bytes go to the file from `tail`, about a MiB at a time, so
 * the heads of all but large frames are still in memory then. For a large frame the head is written
 * into the file afterwards.
 *
 * The name of a pack is a BLAKE3 over its entries in order, heads first. An entry in memory is
 * simply added to the hash; a large one is read back from the file, which is still in the page
 * cache.
 *
 * (I1) tail holds the bytes of the file from tail_offset on; the pack's end is tail_offset +
 *   tail.size.
 * (I2) Between calls, [0, end) is header and whole entries; `entries` lists them, and name_hash is
 *   over them.
 * (I3) An add that fails leaves (I2) as it was: what it wrote is discarded (the file may be longer
 *      then; finish truncates it). Only a failed write, sync or read back cannot be undone; the
 *      writer returns FIRN_FAILED from then on.
 *
 * finish: .dat synced, renamed, directory synced; then the same for .idx. A power cut leaves
 * neither, or the .dat alone, or both; never an .idx alone.
 *
 * Memory: 48 bytes for each object and 4 to 8 for its look-up (half as much again while the array
 * grows), the tail, and the encoder of zstd. Up to 2^32 - 2 objects of any size. One thread at a
 * time.
 */
#include "base/hash_map.h"

#include <inttypes.h>

#include "base/mem.h"
#include "base/slice.h"
#include "chkp/chkp.h"
#include "chkp/chkp_format.h"
#include "codec/blake3_hash.h"
#include "codec/compress.h"
#include "codec/hex.h"

/* ---- giving a .dat its name, which depends on its content ----
 *
 * If that name is taken, the content should be the same. This is not assumed: if the existing file
 * were damaged, dropping the new one would drop the only good copy. Both are compared byte by byte,
 * and the existing file is synced, since its writer may not have done that (the seed's does not).
 */

enum { COMPARE_SIZE = 64 << 10 };

/* Compares the contents of two files of the same size. */
static int
compare_contents(struct fi_os_file *ours, struct fi_os_file *theirs, uint64_t file_size,
                 firn_error *err)
{
    int rc = FIRN_OK;
    uint8_t *bytes = fi_alloc_array(2, COMPARE_SIZE);
    if (bytes == NULL) {
        return fi_error_no_memory(err, "comparing two packs");
    }
    for (uint64_t offset = 0; offset < file_size;) {
        uint64_t left = file_size - offset;
        size_t size = left < COMPARE_SIZE ? (size_t)left : COMPARE_SIZE;
        FI_TRY(fi_os_file_read_exact(ours, offset, bytes, size, err));
        FI_TRY(fi_os_file_read_exact(theirs, offset, bytes + COMPARE_SIZE, size, err));
        if (memcmp(bytes, bytes + COMPARE_SIZE, size) != 0) {
            FI_TRY(fi_error_set(err, FIRN_CORRUPT,
                                "'%s' is there already with other bytes, from offset %" PRIu64
                                " to %" PRIu64,
                                fi_os_file_path(theirs), offset, offset + size));
        }
        offset += size;
    }
out:
    fi_free(bytes);
    return rc;
}

/* Keeps the file that already has the name, if its content is the same. */
static int
keep_existing(struct fi_tempfile *temp, const char *name, firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_os_file *existing = NULL;
    struct fi_os_stat ours;
    struct fi_os_stat theirs;
    FI_TRY(fi_os_file_open(temp->dir, name, FI_OS_READ, 0, &existing, err));
    FI_TRY(fi_os_file_stat(existing, &theirs, err));
    FI_TRY(fi_os_file_stat(temp->file, &ours, err));
    if (ours.size_bytes != theirs.size_bytes) {
        FI_TRY(fi_error_set(err, FIRN_CORRUPT,
                            "'%s' is there already with %" PRIu64 " bytes, not %" PRIu64,
                            fi_os_file_path(existing), theirs.size_bytes, ours.size_bytes));
    }
    FI_TRY(compare_contents(temp->file, existing, ours.size_bytes, err));
    FI_TRY(fi_os_file_sync(existing, err));
out:
    fi_os_file_close(existing);
    return rc;
}

/* Syncs the file and gives it its name. If the name is taken, the file there is kept and synced,
 * provided that it has the same bytes; FIRN_CORRUPT if not. The name is durable after the caller
 * has synced the directory. */
static int
chkp_writer_place(struct fi_tempfile *temp, const char *name, firn_error *err)
{
    firn_error problem;
    int rc = fi_tempfile_put(temp, name, FI_OS_RENAME_NO_REPLACE, &problem);
    return rc == FIRN_EXISTS ? keep_existing(temp, name, err)
                             : fi_chkp_pass_error(err, rc, &problem);
}

/* ---- the writer ---- */

enum {
    SEED_LEVEL = 1,          /* zstd's level in the seed's writer */
    TAIL_SIZE = 1 << 20,     /* the tail is written when it reaches this size */
    SOURCE_SIZE = 128 << 10, /* requested from a source in one call */
    READ_BACK_SIZE = 32 << 10
};

enum state { STATE_OPEN, STATE_FAILED, STATE_FINISHED };

struct firn_chkp_writer {
    struct fi_os_process_mark mark; /* first: see api_process.h */
    enum state state;
    struct fi_os_dir *dir;
    struct fi_tempfile temp;
    struct fi_compress_writer
        *encoder;               /* made when first needed, and after a frame was discarded */
    struct fi_hash_map entries; /* struct fi_chkp_entry by hash */
    struct fi_blake3_hash name_hash;
    struct fi_buf tail;
    uint64_t tail_offset;
    uint64_t file_end; /* the highest offset ever written to */
};

/* ---- life ---- */

static uint64_t
hash_of_hash(const firn_hash *hash)
{
    return fi_load_le64(hash->bytes);
}

static uint64_t
hash_of_record(const void *record)
{
    return hash_of_hash(&((const struct fi_chkp_entry *)record)->hash);
}

static bool
has_hash(const void *record, const void *key)
{
    return fi_hash_equal(&((const struct fi_chkp_entry *)record)->hash, key);
}

int
fi_chkp_writer_create(struct fi_os_dir *dir, struct firn_chkp_writer **out, firn_error *err)
{
    *out = NULL;
    int rc = FIRN_OK;
    struct firn_chkp_writer *writer = fi_alloc_zeroed(sizeof *writer);
    if (writer == NULL) {
        return fi_error_no_memory(err, "a pack writer");
    }
    fi_os_process_init_mark(&writer->mark);
    fi_hash_map_init(&writer->entries, sizeof(struct fi_chkp_entry), hash_of_record, has_hash);
    fi_blake3_hash_init(&writer->name_hash);
    FI_TRY(fi_os_dir_open_beneath(dir, "", &writer->dir, err));
    FI_TRY(fi_tempfile_create(&writer->temp, writer->dir, FI_CHKP_TEMP_KIND, err));
    /* The header is filled in at the end. */
    if (fi_buf_set_size(&writer->tail, FI_CHKP_HEADER_SIZE) != FIRN_OK) {
        FI_TRY(fi_error_no_memory(err, "a pack writer"));
    }
    memset(writer->tail.data, 0, FI_CHKP_HEADER_SIZE);
    DCHECK(writer->state == STATE_OPEN && writer->tail_offset == 0); /* (I1) */
out:
    if (rc != FIRN_OK) {
        fi_chkp_writer_destroy(writer);
        return rc;
    }
    *out = writer;
    return FIRN_OK;
}

void
fi_chkp_writer_destroy(struct firn_chkp_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    fi_tempfile_discard(&writer->temp);
    fi_os_dir_close(writer->dir);
    fi_compress_writer_destroy(writer->encoder);
    fi_hash_map_deinit(&writer->entries);
    fi_buf_deinit(&writer->tail);
    fi_free(writer);
}

uint64_t
fi_chkp_writer_count(const struct firn_chkp_writer *writer)
{
    return writer->entries.count;
}

static int
check_open(const struct firn_chkp_writer *writer, firn_error *err)
{
    switch (writer->state) {
    case STATE_OPEN:
        return FIRN_OK;
    case STATE_FINISHED:
        return fi_error_set(err, FIRN_MISUSE, "the pack is finished");
    case STATE_FAILED:
    default:
        return fi_error_set(err, FIRN_FAILED, "writing the pack failed earlier");
    }
}

/* ---- bytes ---- */

static uint64_t
end_of(const struct firn_chkp_writer *writer)
{
    return writer->tail_offset + writer->tail.size;
}

static int
flush_tail(struct firn_chkp_writer *writer, firn_error *err)
{
    DCHECK(writer->state == STATE_OPEN);
    int rc = fi_os_file_write(writer->temp.file, writer->tail_offset, writer->tail.data,
                              writer->tail.size, err);
    if (rc != FIRN_OK) {
        writer->state = STATE_FAILED;
        return rc;
    }
    fi_os_file_start_writeback(writer->temp.file, writer->tail_offset, writer->tail.size);
    writer->tail_offset += writer->tail.size;
    if (writer->file_end < writer->tail_offset) {
        writer->file_end = writer->tail_offset;
    }
    fi_buf_clear(&writer->tail);
    return FIRN_OK;
}

/* Appends to the entry that is being made; the sink of the encoder. */
static int
chkp_writer_append(void *ctx, firn_slice data, firn_error *err)
{
    struct firn_chkp_writer *writer = ctx;
    if (fi_buf_append_slice(&writer->tail, data) != FIRN_OK) {
        return fi_error_no_memory(err, "a part of a pack");
    }
    return writer->tail.size < TAIL_SIZE ? FIRN_OK : flush_tail(writer, err);
}

/* Discards everything from `offset` on, where the discarded entry began. */
static void
roll_back(struct firn_chkp_writer *writer, uint64_t offset)
{
    DCHECK(offset >= FI_CHKP_HEADER_SIZE && offset <= end_of(writer));
    if (offset >= writer->tail_offset) {
        writer->tail.size = (size_t)(offset - writer->tail_offset);
    } else {
        fi_buf_clear(&writer->tail);
        writer->tail_offset = offset;
    }
    DCHECK(end_of(writer) == offset); /* (I3) */
}

/* ---- entries ---- */

/* Adds to the name the part of [offset, tail_offset) that is already in the file. */
static int
hash_written(struct firn_chkp_writer *writer, uint64_t offset, firn_error *err)
{
    uint8_t piece[READ_BACK_SIZE];
    DCHECK(offset >= FI_CHKP_HEADER_SIZE); /* the header is not in the name yet */
    while (offset < writer->tail_offset) {
        uint64_t left = writer->tail_offset - offset;
        size_t size = left < sizeof piece ? (size_t)left : sizeof piece;
        int rc = fi_os_file_read_exact(writer->temp.file, offset, piece, size, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        fi_blake3_hash_update(&writer->name_hash, piece, size);
        offset += size;
    }
    return FIRN_OK;
}

/* Fills in the head of the entry whose frame is complete, and adds both to the name. */
static int
seal_entry(struct firn_chkp_writer *writer, const struct fi_chkp_entry *entry, firn_error *err)
{
    int rc = FIRN_OK;
    uint8_t head[FI_CHKP_ENTRY_HEAD_SIZE];
    DCHECK(entry->offset + FI_CHKP_ENTRY_HEAD_SIZE + entry->stored_size ==
           end_of(writer)); /* (I1) */
    fi_chkp_format_put_entry_head(head, entry);
    size_t from = 0;
    if (entry->offset >= writer->tail_offset) {
        from = (size_t)(entry->offset - writer->tail_offset);
        CHECK(writer->tail.size - from >= sizeof head);
        memcpy(writer->tail.data + from, head, sizeof head);
    } else {
        FI_TRY(fi_os_file_write(writer->temp.file, entry->offset, head, sizeof head, err));
        FI_TRY(hash_written(writer, entry->offset, err));
    }
    fi_blake3_hash_update(&writer->name_hash, writer->tail.data + from, writer->tail.size - from);
out:
    if (rc != FIRN_OK) {
        writer->state = STATE_FAILED;
    }
    return rc;
}

static bool
chkp_writer_contains(const struct firn_chkp_writer *writer, const firn_hash *hash)
{
    return fi_hash_map_find(&writer->entries, hash_of_hash(hash), hash) != NULL;
}

static int
begin_entry(struct firn_chkp_writer *writer, firn_error *err)
{
    static const uint8_t empty_head[FI_CHKP_ENTRY_HEAD_SIZE] = {0};
    if (writer->entries.count >= UINT32_MAX - 1) {
        return fi_error_set(err, FIRN_LIMIT, "a CHKP pack holds at most %" PRIu32 " objects",
                            UINT32_MAX - 1);
    }
    /* Does not use append(): the head stays in memory at least until a part of the frame is
     * there. */
    if (fi_buf_append(&writer->tail, empty_head, sizeof empty_head) != FIRN_OK) {
        return fi_error_no_memory(err, "a part of a pack");
    }
    return FIRN_OK;
}

/* Requires: the frame after the head at `offset` is complete and holds the object `hash`, which the
 * pack does not have. */
static int
end_entry(struct firn_chkp_writer *writer, uint64_t offset, const firn_hash *hash, firn_error *err)
{
    DCHECK(!chkp_writer_contains(writer, hash) &&
           end_of(writer) - offset >= FI_CHKP_ENTRY_HEAD_SIZE);
    struct fi_chkp_entry entry = {.hash = *hash, .offset = offset};
    entry.stored_size = end_of(writer) - offset - FI_CHKP_ENTRY_HEAD_SIZE;
    if (fi_hash_map_insert(&writer->entries, hash_of_hash(hash), &entry) == NULL) {
        return fi_error_no_memory(err, "the list of a pack's objects");
    }
    return seal_entry(writer, &entry, err);
}

/* ---- adding content ---- */

/* What is added: content, or what a source gives. */
struct input {
    firn_slice content;
    /* NULL: content */
    int (*source)(void *ctx, uint8_t *data, size_t size, size_t *out_size, firn_error *err);
    void *ctx;
};

static int
compress_source(struct firn_chkp_writer *writer, const struct input *input, firn_hash *out_hash,
                firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_blake3_hash hash;
    fi_blake3_hash_init(&hash);
    uint8_t *piece = fi_alloc(SOURCE_SIZE);
    if (piece == NULL) {
        FI_TRY(fi_error_no_memory(err, "a piece of an object"));
    }
    for (;;) {
        size_t size = 0;
        FI_TRY(input->source(input->ctx, piece, SOURCE_SIZE, &size, err));
        if (size == 0) {
            break;
        }
        if (size > SOURCE_SIZE) {
            FI_TRY(fi_error_set(err, FIRN_INVALID,
                                "the source of an object claims %zu bytes where %d fit", size,
                                SOURCE_SIZE));
        }
        fi_blake3_hash_update(&hash, piece, size);
        FI_TRY(fi_compress_writer_feed(writer->encoder, firn_bytes(piece, size), chkp_writer_append,
                                       writer, err));
    }
    fi_blake3_hash_final(&hash, out_hash);
out:
    fi_free(piece);
    return rc;
}

/* Appends a whole frame. *hash is known for content, and computed here for a source. */
static int
compress_input(struct firn_chkp_writer *writer, const struct input *input, firn_hash *hash,
               firn_error *err)
{
    int rc = FIRN_OK;
    if (writer->encoder == NULL) {
        FI_TRY(fi_compress_writer_create(SEED_LEVEL, &writer->encoder, err));
    }
    /* A frame that ends at once states its size; the seed's never do. This call begins it first. */
    FI_TRY(fi_compress_writer_feed(writer->encoder, firn_bytes("", 0), chkp_writer_append, writer,
                                   err));
    if (input->source != NULL) {
        FI_TRY(compress_source(writer, input, hash, err));
    } else {
        FI_TRY(fi_compress_writer_feed(writer->encoder, input->content, chkp_writer_append, writer,
                                       err));
    }
    FI_TRY(fi_compress_writer_finish(writer->encoder, chkp_writer_append, writer, err));
out:
    if (rc != FIRN_OK) {
        /* There is no other way to discard a frame that was begun. */
        fi_compress_writer_destroy(writer->encoder);
        writer->encoder = NULL;
    }
    return rc;
}

static int
add_input(struct firn_chkp_writer *writer, const struct input *input, firn_hash *hash,
          bool *out_is_new, firn_error *err)
{
    int rc = FIRN_OK;
    uint64_t offset = end_of(writer);
    *out_is_new = false;
    FI_TRY(begin_entry(writer, err));
    FI_TRY(compress_input(writer, input, hash, err));
    if (chkp_writer_contains(writer, hash)) {
        roll_back(writer, offset);
    } else {
        FI_TRY(end_entry(writer, offset, hash, err));
        *out_is_new = true;
    }
out:
    if (rc != FIRN_OK) {
        roll_back(writer, offset);
    }
    return rc;
}

int
fi_chkp_writer_add(struct firn_chkp_writer *writer, firn_slice content, firn_hash *out_hash,
                   bool *out_is_new, firn_error *err)
{
    int rc = check_open(writer, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    firn_hash hash;
    bool is_new = false;
    fi_blake3_hash_of(content.data, content.size, &hash);
    if (!chkp_writer_contains(writer, &hash)) {
        struct input input = {.content = content};
        rc = add_input(writer, &input, &hash, &is_new, err);
    }
    if (rc == FIRN_OK && out_hash != NULL) {
        *out_hash = hash;
    }
    if (rc == FIRN_OK && out_is_new != NULL) {
        *out_is_new = is_new;
    }
    return rc;
}

int
fi_chkp_writer_add_stream(struct firn_chkp_writer *writer,
                          int (*source)(void *ctx, uint8_t *data, size_t size, size_t *out_size,
                                        firn_error *err),
                          void *ctx, firn_hash *out_hash, bool *out_is_new, firn_error *err)
{
    int rc = check_open(writer, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    firn_hash hash;
    bool is_new;
    struct input input = {.source = source, .ctx = ctx};
    rc = add_input(writer, &input, &hash, &is_new, err);
    if (rc == FIRN_OK && out_hash != NULL) {
        *out_hash = hash;
    }
    if (rc == FIRN_OK && out_is_new != NULL) {
        *out_is_new = is_new;
    }
    return rc;
}

/* ---- adding frames ---- */

/* Appends in pieces, so that a large frame does not go through the tail at once. */
static int
append_frame(struct firn_chkp_writer *writer, firn_slice frame, firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t done = 0; rc == FIRN_OK && done < frame.size;) {
        size_t size = frame.size - done < TAIL_SIZE ? frame.size - done : TAIL_SIZE;
        rc = chkp_writer_append(writer, firn_bytes(frame.data + done, size), err);
        done += size;
    }
    return rc;
}

int
fi_chkp_writer_add_trusted_frame(struct firn_chkp_writer *writer, const firn_hash *hash,
                                 firn_slice frame, bool *out_is_new, firn_error *err)
{
    int rc = check_open(writer, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    uint64_t offset = end_of(writer);
    bool is_new = !chkp_writer_contains(writer, hash);
    if (is_new) {
        FI_TRY(begin_entry(writer, err));
        FI_TRY(append_frame(writer, frame, err));
        FI_TRY(end_entry(writer, offset, hash, err));
    }
    if (out_is_new != NULL) {
        *out_is_new = is_new;
    }
out:
    if (rc != FIRN_OK) {
        roll_back(writer, offset);
    }
    return rc;
}

int
fi_chkp_writer_add_frame(struct firn_chkp_writer *writer, const firn_hash *hash, firn_slice frame,
                         bool *out_is_new, firn_error *err)
{
    FI_TRY_RETURN(check_open(writer, err));
    FI_TRY_RETURN(fi_chkp_object_check_frame(frame, hash, err));
    return fi_chkp_writer_add_trusted_frame(writer, hash, frame, out_is_new, err);
}

/* ---- the end ---- */

/* Writes the rest and the header; returns the pack's name. */
static int
complete_dat(struct firn_chkp_writer *writer, char out_name[FIRN_CHKP_NAME_SIZE], firn_error *err)
{
    uint8_t header[FI_CHKP_HEADER_SIZE];
    fi_chkp_format_put_header(header, (uint32_t)writer->entries.count);
    FI_TRY_RETURN(flush_tail(writer, err));
    DCHECK(writer->tail.size == 0 && writer->file_end >= writer->tail_offset); /* (I2) */
    FI_TRY_RETURN(fi_os_file_write(writer->temp.file, 0, header, sizeof header, err));
    if (writer->file_end > writer->tail_offset) {
        FI_TRY_RETURN(fi_os_file_truncate(writer->temp.file, writer->tail_offset, err));
    }
    firn_hash hash;
    fi_blake3_hash_update(&writer->name_hash, header, sizeof header);
    fi_blake3_hash_final(&writer->name_hash, &hash);
    fi_hex_encode(hash.bytes, FI_CHKP_NAME_DIGITS / 2, out_name);
    return FIRN_OK;
}

int
fi_chkp_writer_finish(struct firn_chkp_writer *writer, char out_name[FIRN_CHKP_NAME_SIZE],
                      firn_error *err)
{
    int rc = check_open(writer, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    char name[FIRN_CHKP_NAME_SIZE];
    if (writer->entries.count == 0) {
        return fi_error_set(err, FIRN_INVALID, "a CHKP pack cannot be without objects");
    }
    CHECK(writer->entries.count < UINT32_MAX); /* the header has 32 bits for it */
    struct fi_chkp_entry *entries = fi_hash_map_at(&writer->entries, 0);
    FI_TRY(complete_dat(writer, name, err));
    FI_TRY(chkp_writer_place(&writer->temp, fi_chkp_format_dat_name(name).text, err));
    FI_TRY(fi_os_dir_sync(writer->dir, err));
    /* From here on the map is an array; nothing is looked up in it any more. */
    fi_chkp_index_sort(entries, writer->entries.count);
    FI_TRY(fi_chkp_index_write(entries, writer->entries.count, writer->dir, name, err));
    memcpy(out_name, name, sizeof name);
out:
    fi_tempfile_discard(&writer->temp);
    writer->state = rc == FIRN_OK ? STATE_FINISHED : STATE_FAILED;
    return rc;
}
