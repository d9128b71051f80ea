/* SPDX-License-Identifier: Apache-2.0
 *
 * rules/rules_glob.c: matching shell patterns in bounded time.
 *
 *   ?            one byte
 *   *            any bytes; in a path, none of them is '/'
 *   **           in a path, between '/' or the pattern's ends: any number of directories; anywhere
 *                else the same as '*'
 *   [a-z] [!a]   one byte of a set, or one that is not in it ('^' works as well). A ']' that comes
 *                first and a '-' at either end stand for themselves; [:alpha:] and such are ASCII
 *   \x           x itself, also inside a set
 *
 * In a path neither '?' nor a set matches '/'. Matching is by bytes: a letter of several bytes
 * needs several '?'. Case counts.
 *
 * How it works. Every token except the stars matches exactly one byte. So the matcher walks both
 * strings and, at a mismatch, goes back to the last star and lets it take one byte more. Two
 * places to go back to are enough, the last star and the last double star:
 * - an earlier star of either kind need not be tried again once a double star follows, because
 *   the double star can match everything that the earlier one could (I1; not checked, like (I2): a
 *   matcher that tries every way would take too long, so tests compare with git);
 * - an earlier star need not be tried again once a star follows. Either there is no '/' in the
 *   tokens between the two, and the later star can take the bytes in question; or there is one, and
 *   then there is only one place where they fit, since a star stops at the first '/' (I2).
 * There is no recursion, and the only state is four numbers. A double star goes from the
 * beginning of one directory to that of the next, and what follows it is compared within as many
 * directories as it has slashes. So every byte of the text is compared with every token a bounded
 * number of times, which gives the bound in the header. A pattern like a*a*a*a*b costs at most its
 * size times the name's.
 *
 * A glob with a defect matches nothing (I3): a match has to use up all of the glob, so every
 * attempt would reach the defect.
 */
#include "base/check.h"
#include "base/slice.h"
#include "rules/rules_internal.h"

/* ---- sets ---- */

static bool
is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool
is_upper(uint8_t c)
{
    return c >= 'A' && c <= 'Z';
}

static bool
is_lower(uint8_t c)
{
    return c >= 'a' && c <= 'z';
}

static bool
is_alpha(uint8_t c)
{
    return is_upper(c) || is_lower(c);
}

static bool
is_alnum(uint8_t c)
{
    return is_alpha(c) || is_digit(c);
}

static bool
is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static bool
is_cntrl(uint8_t c)
{
    return c < ' ' || c == 0x7f;
}

static bool
is_print(uint8_t c)
{
    return c >= ' ' && c < 0x7f;
}

static bool
is_graph(uint8_t c)
{
    return c > ' ' && c < 0x7f;
}

static bool
is_punct(uint8_t c)
{
    return is_graph(c) && !is_alnum(c);
}

static bool
is_space(uint8_t c)
{
    return is_blank(c) || c == '\n' || c == '\r';
}

static bool
is_xdigit(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static const struct {
    const char *name;
    bool (*holds)(uint8_t c);
} CLASSES[] = {
    {"alnum", is_alnum}, {"alpha", is_alpha}, {"blank", is_blank}, {"cntrl", is_cntrl},
    {"digit", is_digit}, {"graph", is_graph}, {"lower", is_lower}, {"print", is_print},
    {"punct", is_punct}, {"space", is_space}, {"upper", is_upper}, {"xdigit", is_xdigit},
};

/* A set while it is parsed. */
struct set {
    firn_slice glob;
    size_t at;
    uint8_t c;        /* the byte that is searched for */
    bool is_in;       /* it was found */
    int range_begins; /* the byte before, if a '-' may make a range of it; else -1 */
    const char *defect;
};

static bool
fail_set(struct set *set, const char *defect)
{
    set->defect = defect;
    return false;
}

static void
add_byte(struct set *set, uint8_t byte)
{
    set->is_in = set->is_in || set->c == byte;
    set->range_begins = byte;
}

/* The next byte of the set, without a backslash before it. */
static bool
read_byte(struct set *set, uint8_t *out)
{
    static const char unclosed[] = "a '[' without its ']'";
    if (set->at < set->glob.size && set->glob.data[set->at] == '\\') {
        set->at++;
    }
    if (set->at >= set->glob.size) {
        return fail_set(set, unclosed);
    }
    *out = set->glob.data[set->at++];
    return true;
}

/* Parses "[:name:]"; *out_is_class is false if it only begins like one. */
static bool
read_class(struct set *set, bool *out_is_class)
{
    DCHECK(set->at + 2 <= set->glob.size);
    const uint8_t *begin = set->glob.data + set->at + 2;
    size_t left = set->glob.size - set->at - 2;
    const uint8_t *end = memchr(begin, ']', left);
    *out_is_class = end != NULL && end > begin && end[-1] == ':';
    if (!*out_is_class) {
        return true;
    }
    firn_slice name = firn_bytes(begin, (size_t)(end - begin) - 1);
    for (size_t i = 0; i < sizeof CLASSES / sizeof CLASSES[0]; i++) {
        if (fi_slice_equal(name, firn_str(CLASSES[i].name))) {
            set->is_in = set->is_in || CLASSES[i].holds(set->c);
            set->range_begins = -1;
            set->at = (size_t)(end - set->glob.data) + 1;
            return true;
        }
    }
    return fail_set(set, "an unknown class between '[:' and ':]'");
}

static bool
read_range(struct set *set)
{
    uint8_t last;
    set->at++;
    if (!read_byte(set, &last)) {
        return false;
    }
    set->is_in = set->is_in || (set->range_begins <= set->c && set->c <= last);
    set->range_begins = -1;
    return true;
}

/* Parses one element of the set. */
static bool
read_element(struct set *set)
{
    const uint8_t *at = set->glob.data + set->at;
    size_t left = set->glob.size - set->at;
    bool has_next = left > 1;
    if (has_next && at[0] == '-' && set->range_begins >= 0 && at[1] != ']') {
        return read_range(set);
    }
    if (has_next && at[0] == '[' && at[1] == ':') {
        bool is_class;
        if (!read_class(set, &is_class) || is_class) {
            return set->defect == NULL;
        }
    }
    uint8_t byte;
    if (!read_byte(set, &byte)) {
        return false;
    }
    add_byte(set, byte);
    return true;
}

/* Parses the set that begins at *at with '['; *at is then after its ']'. *out says whether the set
 * matches c. Returns the defect, or NULL. */
static const char *
read_set(firn_slice glob, size_t *at, uint8_t c, bool *out)
{
    DCHECK(*at < glob.size && glob.data[*at] == '[');
    struct set set = {.glob = glob, .at = *at + 1, .c = c, .range_begins = -1};
    bool is_negated = set.at < glob.size && (glob.data[set.at] == '!' || glob.data[set.at] == '^');
    set.at += is_negated ? 1 : 0;
    do {
        if (!read_element(&set)) {
            return set.defect;
        }
    } while (set.at < glob.size && glob.data[set.at] != ']');
    if (set.at >= glob.size) {
        (void)fail_set(&set, "a '[' without its ']'");
        return set.defect;
    }
    *at = set.at + 1;
    *out = set.is_in != is_negated;
    return NULL;
}

/* ---- whole globs ---- */

const char *
fi_rules_glob_defect(firn_slice glob)
{
    size_t at = 0;
    while (at < glob.size) {
        if (glob.data[at] == '[') {
            bool is_in;
            const char *defect = read_set(glob, &at, 0, &is_in);
            if (defect != NULL) {
                return defect;
            }
        } else if (glob.data[at] == '\\' && at + 1 == glob.size) {
            return "a backslash at the end";
        } else {
            at += glob.data[at] == '\\' ? 2 : 1;
        }
    }
    return NULL;
}

size_t
fi_rules_glob_literal_size(firn_slice glob)
{
    size_t size = 0;
    while (size < glob.size && glob.data[size] != '*' && glob.data[size] != '?' &&
           glob.data[size] != '[' && glob.data[size] != '\\') {
        size++;
    }
    return size;
}

/* Where a star lets the matcher continue if what follows the star does not match. */
struct retry {
    bool is_set;
    size_t glob; /* after the star */
    size_t text; /* how far the star has reached */
};

struct match {
    firn_slice glob;
    firn_slice text;
    bool is_path;
    size_t at_glob;
    size_t at_text;
    struct retry star;
    struct retry deep;     /* of a double star */
    bool deep_is_by_names; /* it is followed by '/': continues at beginnings of names only */
};

/* Matches the token at at_glob, which is not a star, against the byte at at_text. */
static bool
match_one(struct match *match)
{
    DCHECK(match->at_text < match->text.size && match->at_glob < match->glob.size);
    uint8_t c = match->text.data[match->at_text];
    uint8_t token = match->glob.data[match->at_glob];
    bool may_be_slash = !match->is_path || c != '/';
    bool is_equal = false;
    switch (token) {
    case '?':
        match->at_glob++;
        is_equal = may_be_slash;
        break;
    case '[':
        is_equal = read_set(match->glob, &match->at_glob, c, &is_equal) == NULL && is_equal &&
                   may_be_slash;
        break;
    case '\\':
        is_equal =
            match->at_glob + 1 < match->glob.size && match->glob.data[match->at_glob + 1] == c;
        match->at_glob += 2;
        break;
    default:
        is_equal = token == c;
        match->at_glob++;
        break;
    }
    match->at_text += is_equal ? 1 : 0;
    return is_equal;
}

/* Whether stars from `begin` to `end` stand for directories. */
static bool
is_deep(const struct match *match, size_t begin, size_t end)
{
    const uint8_t *glob = match->glob.data;
    size_t size = match->glob.size;
    bool is_at_name = begin == 0 || glob[begin - 1] == '/';
    bool ends_name = end == size || glob[end] == '/' ||
                     (end + 1 < size && glob[end] == '\\' && glob[end + 1] == '/');
    return match->is_path && end - begin > 1 && is_at_name && ends_name;
}

/* Processes the stars at at_glob. */
static void
enter_star(struct match *match)
{
    size_t begin = match->at_glob;
    size_t end = begin;
    while (end < match->glob.size && match->glob.data[end] == '*') {
        end++;
    }
    DCHECK(end > begin);
    match->at_glob = end;
    if (!is_deep(match, begin, end)) {
        match->star = (struct retry){true, end, match->at_text};
        return;
    }
    /* Zero directories are tried first, so the slash is passed as well. */
    match->deep_is_by_names = end < match->glob.size && match->glob.data[end] == '/';
    match->at_glob += match->deep_is_by_names ? 1 : 0;
    match->deep = (struct retry){true, match->at_glob, match->at_text};
    match->star.is_set = false;
}

static bool
retry_star(struct match *match)
{
    struct retry *star = &match->star;
    DCHECK(star->text <= match->text.size && star->glob <= match->glob.size);
    if (!star->is_set || star->text == match->text.size ||
        (match->is_path && match->text.data[star->text] == '/')) {
        star->is_set = false;
        return false;
    }
    match->at_text = ++star->text;
    match->at_glob = star->glob;
    return true;
}

static bool
retry_deep(struct match *match)
{
    struct retry *deep = &match->deep;
    DCHECK(deep->text <= match->text.size && deep->glob <= match->glob.size);
    if (!deep->is_set || deep->text == match->text.size) {
        return false;
    }
    if (match->deep_is_by_names) {
        const uint8_t *slash =
            memchr(match->text.data + deep->text, '/', match->text.size - deep->text);
        if (slash == NULL) {
            return false;
        }
        deep->text = (size_t)(slash - match->text.data);
    }
    match->at_text = ++deep->text;
    match->at_glob = deep->glob;
    return true;
}

bool
fi_rules_glob_matches(firn_slice glob, enum fi_rules_glob_kind kind, firn_slice text)
{
    struct match match = {.glob = glob, .text = text, .is_path = kind == FI_RULES_GLOB_PATH};
    for (;;) {
        if (match.at_glob < glob.size && glob.data[match.at_glob] == '*') {
            enter_star(&match);
            continue;
        }
        bool glob_is_used = match.at_glob >= glob.size;
        bool text_is_used = match.at_text == text.size;
        if (glob_is_used && text_is_used) {
            DCHECK(fi_rules_glob_defect(glob) == NULL); /* (I3) */
            return true;
        }
        if (!glob_is_used && !text_is_used && match_one(&match)) {
            continue;
        }
        if (!retry_star(&match) && !retry_deep(&match)) {
            return false;
        }
    }
}
