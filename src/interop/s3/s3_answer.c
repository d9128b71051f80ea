/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3_answer.c: takes documents apart. Unknown elements are passed over, as new ones come with
 * time; known ones must be right.
 *
 * A list is read twice: first whether it is one to its end, and how its keys are spelled, as that
 * may stand after them.
 */
#include "s3/s3_answer.h"

#include <stdio.h>
#include <string.h>

#include "base/slice.h"
#include "codec/hex.h"
#include "s3/s3_time.h"
#include "s3/s3_xml.h"

/* ==== lists ==== */

struct entry {
    char key[FI_S3_XML_TEXT_MAX + 1];
    bool has_key;
    bool has_size;
    uint64_t size_bytes;
    int64_t made_s; /* 0: unknown */
};

struct list {
    struct fi_s3_xml xml;
    bool is_encoded; /* keys are as in URLs */
    bool says_more;
    bool has_more;
    struct entry entry;
};

static bool
read_size(firn_slice text, uint64_t *out)
{
    uint64_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || size > (UINT64_MAX - 9) / 10) {
            return false;
        }
        size = size * 10 + (uint64_t)(text.data[i] - '0');
    }
    *out = size;
    return text.size > 0;
}

/* Decodes a key in place. False if it is not encoded correctly, or has a NUL. */
static bool
decode_key(char *key)
{
    char *out = key;
    for (const char *at = key; *at != 0; at++) {
        if (*at != '%') {
            *out++ = (char)(*at == '+' ? ' ' : *at);
            continue;
        }
        uint8_t byte;
        if (!fi_hex_decode(at + 1, &byte, 1) || byte == 0) {
            return false;
        }
        *out++ = (char)byte;
        at += 2;
    }
    *out = 0;
    return true;
}

/* A text of an object. */
static bool
take_field(struct list *list)
{
    struct fi_s3_xml *xml = &list->xml;
    firn_slice text = firn_bytes(xml->text, xml->text_size);
    if (fi_s3_xml_is(xml, 3, "Key")) {
        memcpy(list->entry.key, xml->text, xml->text_size + 1);
        bool is_right = !list->entry.has_key && !xml->is_cut && xml->text_size > 0 &&
                        (!list->is_encoded || decode_key(list->entry.key));
        list->entry.has_key = true;
        return is_right;
    }
    if (fi_s3_xml_is(xml, 3, "Size")) {
        bool is_right = !list->entry.has_size && read_size(text, &list->entry.size_bytes);
        list->entry.has_size = true;
        return is_right;
    }
    if (fi_s3_xml_is(xml, 3, "LastModified") && !fi_s3_time_parse_iso(text, &list->entry.made_s)) {
        list->entry.made_s = 0;
    }
    return true;
}

/* A text of the list itself. */
static bool
take_property(struct list *list)
{
    const struct fi_s3_xml *xml = &list->xml;
    if (fi_s3_xml_is(xml, 2, "EncodingType")) {
        list->is_encoded = strcmp(xml->text, "url") == 0;
        return list->is_encoded || xml->text_size == 0;
    }
    if (fi_s3_xml_is(xml, 2, "IsTruncated")) {
        bool is_right = !list->says_more;
        list->says_more = true;
        list->has_more = strcmp(xml->text, "true") == 0;
        return is_right && (list->has_more || strcmp(xml->text, "false") == 0);
    }
    return true;
}

/* To the end of the next object; *out_end at the end of the list. False: it is none. */
static bool
next_entry(struct list *list, bool *out_end)
{
    struct fi_s3_xml *xml = &list->xml;
    list->entry.has_key = list->entry.has_size = false;
    list->entry.made_s = 0;
    for (;;) {
        firn_slice name;
        enum fi_s3_xml_event event = fi_s3_xml_parse_next(xml, &name);
        bool is_object = fi_s3_xml_is(xml, 2, "Contents");
        *out_end = event == FI_S3_XML_END;
        if (event == FI_S3_XML_BAD || *out_end) {
            return *out_end;
        }
        if (!fi_s3_xml_is(xml, 1, "ListBucketResult")) {
            return false;
        }
        if (event != FI_S3_XML_CLOSE) {
            continue;
        }
        if (xml->depth == 2 && is_object) {
            return list->entry.has_key && list->entry.has_size;
        }
        if (xml->is_leaf && ((xml->depth == 3 && is_object && !take_field(list)) ||
                             (xml->depth == 2 && !take_property(list)))) {
            return false;
        }
    }
}

static bool
is_list(struct list *list, firn_slice bytes)
{
    bool is_end = false;
    fi_s3_xml_init(&list->xml, bytes);
    while (!is_end) {
        if (!next_entry(list, &is_end)) {
            return false;
        }
    }
    return list->says_more;
}

static int
no_list(firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT, "what the storage answers is no list of objects");
}

int
fi_s3_answer_parse_list(firn_slice bytes, const char *prefix, int64_t now_s,
                        int (*visit)(void *ctx, const struct fi_bucket_object *object), void *ctx,
                        bool *out_has_more, firn_error *err)
{
    struct list list = {.is_encoded = false};
    *out_has_more = false;
    if (!is_list(&list, bytes)) {
        return no_list(err);
    }
    const bool is_encoded = list.is_encoded;
    const bool has_more = list.has_more;
    const size_t prefix_size = strlen(prefix);
    list = (struct list){.is_encoded = is_encoded};
    fi_s3_xml_init(&list.xml, bytes);
    for (;;) {
        bool is_end;
        list.is_encoded = is_encoded; /* before the element is there, too */
        if (!next_entry(&list, &is_end)) {
            return no_list(err);
        }
        if (is_end) {
            break;
        }
        const char *key = list.entry.key;
        if (strncmp(key, prefix, prefix_size) != 0) {
            return fi_error_set(err, FIRN_CORRUPT,
                                "the storage lists objects that it was not asked for");
        }
        if (key[prefix_size] == 0) {
            continue; /* a folder that some tool made */
        }
        int64_t age_s = now_s != 0 && list.entry.made_s != 0 ? now_s - list.entry.made_s : 0;
        const struct fi_bucket_object object = {
            .name = key + prefix_size,
            .size_bytes = list.entry.size_bytes,
            .age_s = age_s > 0 ? age_s : 0,
        };
        FI_TRY_RETURN(visit(ctx, &object));
    }
    *out_has_more = has_more;
    return FIRN_OK;
}

/* ==== errors ==== */

/* All else than these bytes is left out. */
static void
copy_plain(const char *text, bool is_code, char *out, size_t size)
{
    size_t at = 0;
    for (; *text != 0 && at + 1 < size; text++) {
        bool is_word = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
                       (*text >= '0' && *text <= '9') || *text == '.' || *text == '-';
        if (is_word || (!is_code && *text >= ' ' && *text < 0x7f)) {
            out[at++] = *text;
        }
    }
    out[at] = 0;
}

void
fi_s3_answer_parse_error(firn_slice bytes, struct fi_s3_answer_error *out)
{
    struct fi_s3_xml xml;
    firn_slice name;
    enum fi_s3_xml_event event;
    memset(out, 0, sizeof *out);
    fi_s3_xml_init(&xml, bytes);
    while ((event = fi_s3_xml_parse_next(&xml, &name)) == FI_S3_XML_OPEN ||
           event == FI_S3_XML_CLOSE) {
        /* The token service puts it into an ErrorResponse. */
        bool is_inside = (xml.depth == 2 && fi_s3_xml_is(&xml, 1, "Error")) ||
                         (xml.depth == 3 && fi_s3_xml_is(&xml, 2, "Error"));
        if (event != FI_S3_XML_CLOSE || !xml.is_leaf || !is_inside) {
            continue;
        }
        if (fi_slice_equal(name, firn_str("Code"))) {
            copy_plain(xml.text, true, out->code, sizeof out->code);
        } else if (fi_slice_equal(name, firn_str("Region"))) {
            copy_plain(xml.text, true, out->region, sizeof out->region);
        } else if (fi_slice_equal(name, firn_str("Message"))) {
            copy_plain(xml.text, false, out->message, sizeof out->message);
        }
    }
}

/* ==== credentials ==== */

bool
fi_s3_answer_parse_role(firn_slice bytes,
                        int (*found)(void *ctx, firn_slice name, const char *text), void *ctx,
                        int *out_rc)
{
    struct fi_s3_xml xml;
    firn_slice name;
    enum fi_s3_xml_event event;
    bool is_there = false;
    *out_rc = FIRN_OK;
    fi_s3_xml_init(&xml, bytes);
    while ((event = fi_s3_xml_parse_next(&xml, &name)) == FI_S3_XML_OPEN ||
           event == FI_S3_XML_CLOSE) {
        if (event == FI_S3_XML_CLOSE && xml.is_leaf && xml.depth == 4 &&
            fi_s3_xml_is(&xml, 1, "AssumeRoleWithWebIdentityResponse") &&
            fi_s3_xml_is(&xml, 3, "Credentials")) {
            is_there = true;
            *out_rc = xml.is_cut ? FIRN_LIMIT : found(ctx, name, xml.text);
            if (*out_rc != FIRN_OK) {
                return true;
            }
        }
    }
    return event == FI_S3_XML_END && is_there;
}
