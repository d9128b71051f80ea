/* SPDX-License-Identifier: Apache-2.0
 *
 * tree/tree_reserved.c: names that belong to programs, not to the user of a workspace.
 *
 * A program like git runs what is in its directory: hooks, filters, an editor named in its
 * configuration. A checkpoint that could put a file there would run code at the next commit, and
 * one that could remove it would lose a history. The same holds for a store of firn. So every save
 * leaves these names out under any rules, and a restore treats an entry of such a name as if
 * neither the checkpoint nor the disk had it (difference_walk.c). Code that writes or removes an
 * entry asks again here, where a path becomes the name in a system call (checkout_place.c).
 *
 * A file system may treat two names as one. The test assumes the worst of all of them, on every
 * file system: a tree that is restored here may be copied, shared or checked out elsewhere. A name
 * is reserved if it becomes one of NAMES after
 * - case folding: ASCII, the letters that some system treats as an `i` or an `s` (FAT, NTFS, APFS,
 *   ext4 with casefold), and the ligature that full case folding turns into `fi` (APFS, ext4 with
 *   casefold);
 * - leaving out code points that HFS+ and ext4 with casefold ignore: all that Unicode calls
 *   Default_Ignorable_Code_Point;
 * - cutting at a `:`, which begins the name of a stream on NTFS (`.git::$INDEX_ALLOCATION` is the
 *   directory .git), and cutting dots and spaces from its end, as Windows does;
 * - treating a `\` as a slash, as Windows does: `.git\hooks` is reserved, and `a\.git` too.
 * NTFS and FAT also give a second, short name to each file. That of `.git` is `git~1`, or has
 * another number up to 4 if more than one name needs it; beyond that it is a hash of the long
 * name, which cannot be derived from a tree. So these short names are reserved as well.
 *
 * Of the characters that fold to more than one letter, only that ligature gives letters of NAMES.
 * No canonical decomposition of Unicode leads to an ASCII letter of NAMES, so names are not
 * decomposed. A byte that is not UTF-8 matches nothing.
 */
#include "tree/tree.h"

#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "codec/utf8.h"

static const char VERSION_CONTROL[] = "belongs to version control";
static const char STORE[] = "belongs to firn";
static const char REPAIR[] = "what a repair that was cut off has left";

static const struct reserved {
    const char *name;
    const char *reason;
    bool has_short; /* its short name: without the dot, then a ~ and a digit */
} NAMES[] = {
    {".git", VERSION_CONTROL, true},    {".hg", VERSION_CONTROL, true},
    {".svn", VERSION_CONTROL, true},    {".jj", VERSION_CONTROL, true},
    {".bzr", VERSION_CONTROL, true},    {".firn", STORE, true},
    {".firn.repairing", REPAIR, false},
};

enum {
    LIGATURE_FI = 0xFB01,
    FOLDED_MAX = 24, /* more than the longest of NAMES */
    NO_LETTER = 0x80 /* stands for everything that matches nothing */
};

/* In ascending order. */
static const struct range {
    uint32_t first;
    uint32_t last;
} IGNORED[] = {
    {0x00AD, 0x00AD},   {0x034F, 0x034F},   {0x061C, 0x061C}, {0x115F, 0x1160}, {0x17B4, 0x17B5},
    {0x180B, 0x180F},   {0x200B, 0x200F},   {0x202A, 0x202E}, {0x2060, 0x206F}, {0x3164, 0x3164},
    {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},   {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFF8}, {0x1BCA0, 0x1BCA3},
    {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF},
};

static bool
is_ignored(uint32_t point)
{
    for (size_t i = 0; i < sizeof IGNORED / sizeof IGNORED[0]; i++) {
        DCHECK(IGNORED[i].first <= IGNORED[i].last);
        DCHECK(i == 0 || IGNORED[i - 1].last < IGNORED[i].first);
        if (point <= IGNORED[i].last) {
            return point >= IGNORED[i].first;
        }
    }
    return false;
}

static uint8_t
tree_reserved_fold(uint32_t point)
{
    if (point >= 'A' && point <= 'Z') {
        return (uint8_t)(point - 'A' + 'a');
    }
    switch (point) {
    case 0x0130: /* capital i with a dot */
    case 0x0131: /* small i without one */
        return 'i';
    case 0x017F: /* long s */
        return 's';
    default:
        return point < 0x80 ? (uint8_t)point : NO_LETTER;
    }
}

/* Appends a folded letter; false if that makes the name longer than any of NAMES. */
static bool
put_folded(uint8_t out[FOLDED_MAX], size_t *size, uint8_t folded)
{
    if (*size < FOLDED_MAX) {
        out[(*size)++] = folded;
        return true;
    }
    return folded == '.' || folded == ' ';
}

/* Folds one name up to a ':', without dots and spaces at its end. *out_size is 0 if the result
 * would be longer than any of NAMES. */
static void
fold_name(firn_slice name, uint8_t out[FOLDED_MAX], size_t *out_size)
{
    size_t size = 0;
    for (size_t at = 0; at < name.size && name.data[at] != ':';) {
        uint32_t point;
        size_t length = fi_utf8_decode(firn_bytes(name.data + at, name.size - at), &point);
        at += length > 0 ? length : 1;
        if (length > 0 && is_ignored(point)) {
            continue;
        }
        bool is_ligature = length > 0 && point == LIGATURE_FI;
        uint8_t folded = is_ligature ? 'i' : length > 0 ? tree_reserved_fold(point) : NO_LETTER;
        if ((is_ligature && !put_folded(out, &size, 'f')) || !put_folded(out, &size, folded)) {
            *out_size = 0;
            return;
        }
    }
    while (size > 0 && (out[size - 1] == '.' || out[size - 1] == ' ')) {
        size--;
    }
    DCHECK(size <= FOLDED_MAX);
    *out_size = size;
}

static bool
is_short_of(firn_slice folded, const struct reserved *reserved)
{
    firn_slice stem = firn_str(reserved->name + 1);
    return reserved->has_short && folded.size == stem.size + 2 &&
           fi_slice_has_prefix(folded, stem) && folded.data[stem.size] == '~' &&
           folded.data[stem.size + 1] >= '1' && folded.data[stem.size + 1] <= '4';
}

/* Whether one of NAMES begins with this letter, after its dot. */
static bool
begins_short(uint8_t byte)
{
    switch (byte | 0x20) {
    case 'b':
    case 'f':
    case 'g':
    case 'h':
    case 'j':
    case 's':
        return true;
    default:
        return false;
    }
}

/* The first byte, or the absence of a ~, decides for nearly all names. */
static bool
may_be_reserved(firn_slice name)
{
    uint8_t first = name.data[0];
    return first == '.' || first >= 0x80 ||
           (begins_short(first) && memchr(name.data, '~', name.size) != NULL);
}

/* Judges a name without backslashes. */
static const char *
tree_reserved_assess(firn_slice name)
{
    uint8_t bytes[FOLDED_MAX];
    if (name.size == 0 || name.data[0] == 0 || !may_be_reserved(name)) {
        return NULL;
    }
    firn_slice folded = {.data = bytes};
    fold_name(name, bytes, &folded.size);
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        DCHECK(NAMES[i].name[0] == '.' && strlen(NAMES[i].name) < FOLDED_MAX);
        if (fi_slice_equal(folded, firn_str(NAMES[i].name)) || is_short_of(folded, &NAMES[i])) {
            return NAMES[i].reason;
        }
    }
    return NULL;
}

/* Judges the parts of a text between separators; the first reserved one counts. */
static const char *
assess_parts(firn_slice text, char separator, const char *(*judge_part)(firn_slice part))
{
    for (;;) {
        const uint8_t *end = text.size > 0 ? memchr(text.data, separator, text.size) : NULL;
        size_t size = end != NULL ? (size_t)(end - text.data) : text.size;
        const char *reason = judge_part(firn_bytes(text.data, size));
        if (reason != NULL || end == NULL) {
            return reason;
        }
        text = firn_bytes(end + 1, text.size - size - 1);
    }
}

const char *
fi_tree_reserved_name(firn_slice name)
{
    return assess_parts(name, '\\', tree_reserved_assess);
}

const char *
fi_tree_reserved_path(firn_slice path)
{
    return assess_parts(path, '/', fi_tree_reserved_name);
}

/* Such a name is ".firn-", 16 hexadecimal digits, "-", 16 more, and optionally ".old". */
bool
fi_tree_reserved_is_temporary(firn_slice name)
{
    enum { START = 6, DIGITS = 16, SIZE = START + DIGITS + 1 + DIGITS, OLD = 4 };
    if ((name.size != SIZE && name.size != SIZE + OLD) || memcmp(name.data, ".firn-", START) != 0 ||
        name.data[START + DIGITS] != '-' ||
        (name.size > SIZE && memcmp(name.data + SIZE, ".old", OLD) != 0)) {
        return false;
    }
    for (size_t i = START; i < SIZE; i++) {
        uint8_t byte = name.data[i];
        bool is_digit = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
        if (!is_digit && i != START + DIGITS) {
            return false;
        }
    }
    return true;
}
