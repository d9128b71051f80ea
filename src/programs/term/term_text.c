/* SPDX-License-Identifier: Apache-2.0
 *
 * term/term_text.c: numbers, sizes, times and foreign names as text for people.
 *
 * Names of files, messages of checkpoints, keys and error texts come from outside and may hold
 * anything: newlines that break the one-row-one-thing rule, terminal sequences that retitle a
 * window or type for the user, characters that turn the reading direction and make one name look
 * like another. They are printed escaped, on a terminal or not, in a form that can be undone. JSON
 * output (term_json.c) has rules of its own and keeps the bytes.
 *
 * Invariants
 * (I1) What fi_term_text_escape gives is valid UTF-8 without control characters, so without a
 *      newline. (Not checked: what goes out unchanged was decoded just before, and a test tries all
 *      bytes.)
 * (I2) Two different byte strings never escape to the same text: a backslash is always doubled, and
 *      an escape always begins with a single one.
 *
 * People read local times, in the same form in which a time without a zone is typed. Programs get
 * the zone with each time, as an offset.
 */
#include "term/term.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { NS_A_SECOND = 1000000000 };

/* Eight bytes at once: what is asked of each is answered by its highest bit. A byte of which it is
 * true may make the next one's answer wrong, so all that is certain is whether it is true of
 * any. */
static const uint64_t every_byte = UINT64_C(0x0101010101010101);
static const uint64_t high_bits = UINT64_C(0x8080808080808080);

static uint64_t
load_eight(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

static uint64_t
has_zero(uint64_t word)
{
    return (word - every_byte) & ~word & high_bits;
}

/* Whether all of them are plain: visible ASCII, but for a quote and a backslash. */
static bool
are_plain(uint64_t word)
{
    uint64_t below_space = (word - every_byte * 0x20) & ~word & high_bits;
    uint64_t special = has_zero(word ^ every_byte * 0x7F) | has_zero(word ^ every_byte * '\\') |
                       has_zero(word ^ every_byte * '"');
    return ((word & high_bits) | below_space | special) == 0;
}

size_t
fi_term_text_plain(firn_slice bytes)
{
    size_t size = 0;
    while (bytes.size - size >= sizeof(uint64_t) && are_plain(load_eight(bytes.data + size))) {
        size += sizeof(uint64_t);
    }
    while (size < bytes.size && bytes.data[size] >= 0x20 && bytes.data[size] < 0x7F &&
           bytes.data[size] != '\\' && bytes.data[size] != '"') {
        size++;
    }
    return size;
}

void
fi_term_text_escape(firn_slice bytes, void (*put)(const void *data, size_t size))
{
    assert(put != NULL);
    static const char letters[] = "abtnvfr"; /* for the bytes 7 to 13 */
    const uint8_t *at = bytes.data;
    size_t left = bytes.size;
    while (left > 0) {
        uint32_t point = 0;
        size_t plain = fi_term_text_plain(firn_bytes(at, left));
        put(at, plain);
        at += plain;
        left -= plain;
        if (left == 0) {
            break;
        }
        size_t size = fi_term_text_decode(firn_bytes(at, left), &point);
        if (size > 0 && !fi_term_text_is_control(point) && point != '\\') {
            put(at, size);
        } else {
            char escaped[FI_TERM_TEXT_ESCAPED_SIZE];
            size = 1; /* of a longer control sequence the other bytes follow as invalid UTF-8 */
            if (*at == '\\') {
                (void)snprintf(escaped, sizeof(escaped), "\\\\");
            } else if (*at >= 7 && *at <= 13) {
                (void)snprintf(escaped, sizeof(escaped), "\\%c", letters[*at - 7]);
            } else {
                (void)snprintf(escaped, sizeof(escaped), "\\%03o", (unsigned)*at);
            }
            assert(escaped[0] == '\\' && escaped[1] != '\0'); /* (I2) */
            put(escaped, strlen(escaped));
        }
        at += size;
        left -= size;
    }
}

size_t
fi_term_text_decode(firn_slice bytes, uint32_t *out_point)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (bytes.size == 0) {
        return 0;
    }
    uint8_t first = bytes.data[0];
    size_t size = first < 0x80 ? 1 : first < 0xC0 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (size == 0 || size > bytes.size || first > 0xF4) {
        return 0;
    }
    uint32_t point = size == 1 ? first : first & (0x7Fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((bytes.data[i] & 0xC0) != 0x80) {
            return 0;
        }
        point = point << 6 | (bytes.data[i] & 0x3Fu);
    }
    if (point < smallest[size] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) {
        return 0;
    }
    *out_point = point;
    return size;
}

bool
fi_term_text_is_control(uint32_t point)
{
    return point < 0x20 || (point >= 0x7F && point < 0xA0) /* C0, DEL, C1 */
           || point == 0xAD || point == 0x61C              /* soft hyphen, Arabic letter mark */
           || (point >= 0x200B && point <= 0x200F)         /* zero width, direction marks */
           || (point >= 0x2028 && point <= 0x202E) /* line separators, direction overrides */
           || (point >= 0x2060 && point <= 0x206F) /* invisible operators, isolates */
           || point == 0xFEFF || (point >= 0xFFF9 && point <= 0xFFFB) ||
           (point >= 0xE0000 && point <= 0xE0FFF); /* tags */
}

const char *
fi_term_text_number(uint64_t number, char *out)
{
    char digits[FI_TERM_TEXT_NUMBER_SIZE];
    int size = snprintf(digits, sizeof(digits), "%" PRIu64, number);
    char *to = out;
    for (int i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0) {
            *to++ = ',';
        }
        *to++ = digits[i];
    }
    *to = '\0';
    return out;
}

const char *
fi_term_text_size(uint64_t bytes, char *out)
{
    /* A row serves where its rounding stays below 1,000. */
    static const struct unit {
        uint64_t size;
        int decimals;
        const char *name;
    } units[] = {
        {1000, 0, "KB"},          {1000000, 1, "MB"},          {1000000000, 2, "GB"},
        {1000000000000, 2, "TB"}, {1000000000000000, 2, "PB"}, {1000000000000000000, 2, "EB"},
    };
    if (bytes < 1000) {
        (void)snprintf(out, FI_TERM_TEXT_SIZE_SIZE, "%" PRIu64 " B", bytes);
        return out;
    }
    const size_t last = sizeof(units) / sizeof(units[0]) - 1;
    for (size_t i = 0; i <= last; i++) {
        static const uint64_t scale[] = {1, 10, 100};
        uint64_t step = units[i].size / scale[units[i].decimals];
        uint64_t rounded = bytes / step + (bytes % step >= step / 2 ? 1 : 0);
        if (rounded < 1000 * scale[units[i].decimals] || i == last) {
            uint64_t whole = rounded / scale[units[i].decimals];
            uint64_t part = rounded % scale[units[i].decimals];
            if (units[i].decimals == 0) {
                (void)snprintf(out, FI_TERM_TEXT_SIZE_SIZE, "%" PRIu64 " %s", whole, units[i].name);
            } else {
                (void)snprintf(out, FI_TERM_TEXT_SIZE_SIZE, "%" PRIu64 ".%0*" PRIu64 " %s", whole,
                               units[i].decimals, part, units[i].name);
            }
            break;
        }
    }
    return out;
}

/* Every int64 of nanoseconds lies between the years 1677 and 2262. */
static struct tm
calendar(int64_t since_epoch_ns, int64_t *out_ns)
{
    int64_t seconds = since_epoch_ns / NS_A_SECOND;
    int64_t ns = since_epoch_ns % NS_A_SECOND;
    if (ns < 0) {
        ns += NS_A_SECOND;
        seconds -= 1;
    }
    *out_ns = ns;
    time_t time = (time_t)seconds;
    struct tm parts;
    memset(&parts, 0, sizeof(parts));
    (void)localtime_r(&time, &parts);
    return parts;
}

const char *
fi_term_text_time(int64_t since_epoch_ns, char *out)
{
    int64_t ns;
    struct tm parts = calendar(since_epoch_ns, &ns);
    if (strftime(out, FI_TERM_TEXT_TIME_SIZE, "%Y-%m-%d %H:%M:%S", &parts) == 0) {
        out[0] = '\0';
    }
    return out;
}

const char *
fi_term_text_zone(int64_t since_epoch_ns, char *out)
{
    int64_t ns;
    struct tm parts = calendar(since_epoch_ns, &ns);
    long minutes = parts.tm_gmtoff / 60; /* an offset is written without seconds */
    (void)snprintf(out, FI_TERM_TEXT_TIME_SIZE, "%c%02ld:%02ld", minutes < 0 ? '-' : '+',
                   labs(minutes) / 60, labs(minutes) % 60);
    return out;
}

const char *
fi_term_text_rfc3339(int64_t since_epoch_ns, char *out)
{
    int64_t ns;
    char zone[FI_TERM_TEXT_TIME_SIZE];
    struct tm parts = calendar(since_epoch_ns, &ns);
    size_t size = strftime(out, FI_TERM_TEXT_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(out + size, FI_TERM_TEXT_TIME_SIZE - size, ".%09" PRId64 "%s", ns,
                   parts.tm_gmtoff == 0 ? "Z" : fi_term_text_zone(since_epoch_ns, zone));
    return out;
}

const char *
fi_term_text_ago(int64_t since_epoch_ns, int64_t now_ns, char *out)
{
    static const struct {
        int64_t seconds;
        int64_t below; /* so many seconds ago */
        const char *name;
    } units[] = {{1, 60, "second"},
                 {60, 3600, "minute"},
                 {3600, 86400, "hour"},
                 {86400, INT64_C(4) * 7 * 86400, "day"}};
    int64_t seconds = now_ns / NS_A_SECOND - since_epoch_ns / NS_A_SECOND;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (seconds >= 0 && seconds < units[i].below) {
            uint64_t count = (uint64_t)(seconds / units[i].seconds);
            (void)snprintf(out, FI_TERM_TEXT_TIME_SIZE, "%" PRIu64 " %s%s ago", count,
                           units[i].name, count == 1 ? "" : "s");
            return out;
        }
    }
    (void)fi_term_text_time(since_epoch_ns, out);
    out[sizeof("2026-11-20") - 1] = '\0';
    return out;
}

const char *
fi_term_text_plural(uint64_t number, const char *one, const char *many)
{
    assert(one != NULL && many != NULL);
    return number == 1 ? one : many;
}

/* ---- first lines ---- */

/* Where nothing is said about the locale, terminals of today show UTF-8. */
static bool
is_ascii(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    const char *locale = NULL;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (locale == NULL || locale[0] == '\0') {
            locale = getenv(names[i]);
        }
    }
    return locale != NULL && (strcmp(locale, "C") == 0 || strcmp(locale, "POSIX") == 0);
}

const char *
fi_term_text_minus(void)
{
    return is_ascii() ? "-" : "\xE2\x88\x92";
}

const char *
fi_term_text_ellipsis(void)
{
    return is_ascii() ? "..." : "\xE2\x80\xA6";
}

void
fi_term_text_progress(const firn_progress *progress, char *out, size_t size)
{
    assert(size > 0);
    char done[FI_TERM_TEXT_NUMBER_SIZE];
    char total[FI_TERM_TEXT_NUMBER_SIZE];
    char bytes[FI_TERM_TEXT_SIZE_SIZE];
    bool has_total = progress->files_total > 0;
    bool has_files = progress->files_done > 0 || has_total;
    bool has_bytes = progress->bytes_done > 0;
    (void)snprintf(
        out, size, "%s%s%s%s%s%s", has_files ? fi_term_text_number(progress->files_done, done) : "",
        has_total ? " of " : "", has_total ? fi_term_text_number(progress->files_total, total) : "",
        has_files ? " files" : "", has_files && has_bytes ? ", " : "",
        has_bytes ? fi_term_text_size(progress->bytes_done, bytes) : "");
}
