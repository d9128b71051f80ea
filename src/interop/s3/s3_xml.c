/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3_xml.c: a scanner with a stack of names, each a part of the document. Each byte is looked at
 * once; nothing is allocated.
 *
 * names[depth - 1] stays as it is when its element is closed, until the next event: so a caller may
 * ask for it at FI_S3_XML_CLOSE.
 */
#include "s3/s3_xml.h"

#include <string.h>

#include "base/slice.h"

enum { NAME_SIZE_MAX = 64 };

void
fi_s3_xml_init(struct fi_s3_xml *xml, firn_slice bytes)
{
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf}; /* of the order of bytes */
    if (fi_slice_has_prefix(bytes, firn_bytes(mark, sizeof mark))) {
        bytes = firn_bytes(bytes.data + sizeof mark, bytes.size - sizeof mark);
    }
    static const uint8_t nothing[1] = {0};
    xml->at = bytes.size > 0 ? bytes.data : nothing;
    xml->end = xml->at + bytes.size;
    xml->depth = 0;
    xml->is_closed = xml->has_ended = xml->has_root = false;
    xml->is_leaf = xml->is_cut = false;
    xml->text_size = 0;
    xml->text[0] = 0;
}

static bool
is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static bool
is_name_byte(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' || byte == '_' ||
           byte == ':' || byte >= 0x80;
}

static bool
begins_with(const struct fi_s3_xml *xml, const char *text)
{
    return fi_slice_has_prefix(firn_bytes(xml->at, (size_t)(xml->end - xml->at)), firn_str(text));
}

/* To the end of what a text ends, beginning after `skip` bytes. */
static bool
pass(struct fi_s3_xml *xml, size_t skip, const char *end)
{
    xml->at += skip;
    while (xml->at < xml->end && !begins_with(xml, end)) {
        xml->at++;
    }
    if (xml->at == xml->end) {
        return false;
    }
    xml->at += strlen(end);
    return true;
}

static bool
take_name(struct fi_s3_xml *xml, firn_slice *out)
{
    const uint8_t *start = xml->at;
    while (xml->at < xml->end && is_name_byte(*xml->at)) {
        xml->at++;
    }
    *out = firn_bytes(start, (size_t)(xml->at - start));
    return out->size > 0 && out->size <= NAME_SIZE_MAX;
}

static void
put_byte(struct fi_s3_xml *xml, uint32_t byte)
{
    if (xml->text_size < FI_S3_XML_TEXT_MAX) {
        xml->text[xml->text_size++] = (char)byte;
    } else {
        xml->is_cut = true;
    }
}

static void
put_character(struct fi_s3_xml *xml, uint32_t code)
{
    if (code < 0x80) {
        put_byte(xml, code);
    } else if (code < 0x800) {
        put_byte(xml, 0xc0 | code >> 6);
        put_byte(xml, 0x80 | (code & 0x3f));
    } else {
        if (code < 0x10000) {
            put_byte(xml, 0xe0 | code >> 12);
        } else {
            put_byte(xml, 0xf0 | code >> 18);
            put_byte(xml, 0x80 | (code >> 12 & 0x3f));
        }
        put_byte(xml, 0x80 | (code >> 6 & 0x3f));
        put_byte(xml, 0x80 | (code & 0x3f));
    }
}

/* "#38;" or "#x26;" after the '&'. */
static bool
take_number(struct fi_s3_xml *xml)
{
    uint32_t base = begins_with(xml, "#x") ? 16 : 10;
    uint32_t code = 0;
    xml->at += base == 16 ? 2 : 1;
    size_t digits = 0;
    for (; xml->at < xml->end && *xml->at != ';'; xml->at++, digits++) {
        uint8_t byte = *xml->at;
        uint32_t digit = byte >= '0' && byte <= '9'   ? (uint32_t)byte - '0'
                         : byte >= 'a' && byte <= 'f' ? (uint32_t)byte - 'a' + 10
                         : byte >= 'A' && byte <= 'F' ? (uint32_t)byte - 'A' + 10
                                                      : 16;
        if (digit >= base || digits >= 8) {
            return false;
        }
        code = code * base + digit;
    }
    if (xml->at == xml->end || digits == 0 || code == 0 || code > 0x10ffff ||
        (code >= 0xd800 && code < 0xe000)) {
        return false;
    }
    xml->at++;
    put_character(xml, code);
    return true;
}

static bool
take_entity(struct fi_s3_xml *xml)
{
    static const struct {
        const char *name;
        char byte;
    } known[] = {{"lt;", '<'}, {"gt;", '>'}, {"amp;", '&'}, {"quot;", '"'}, {"apos;", '\''}};
    xml->at++;
    if (begins_with(xml, "#")) {
        return take_number(xml);
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (begins_with(xml, known[i].name)) {
            xml->at += strlen(known[i].name);
            put_byte(xml, (uint8_t)known[i].byte);
            return true;
        }
    }
    return false;
}

/* Up to the next '<' or the end. Outside of the root there is space only. */
static bool
take_text(struct fi_s3_xml *xml)
{
    while (xml->at < xml->end && *xml->at != '<') {
        if (*xml->at == '&') {
            if (xml->depth == 0 || !take_entity(xml)) {
                return false;
            }
            continue;
        }
        if ((*xml->at < ' ' || xml->depth == 0) && !is_space(*xml->at)) {
            return false;
        }
        put_byte(xml, *xml->at++);
    }
    return true;
}

static enum fi_s3_xml_event
open_element(struct fi_s3_xml *xml)
{
    xml->at++;
    if (xml->depth == FI_S3_XML_DEPTH_MAX || (xml->depth == 0 && xml->has_root) ||
        !take_name(xml, &xml->names[xml->depth])) {
        return FI_S3_XML_BAD;
    }
    uint8_t quote = 0;
    uint8_t last = 0;
    while (xml->at < xml->end && (quote != 0 || *xml->at != '>')) {
        uint8_t byte = *xml->at++;
        if (byte == '<' || (quote == 0 && last == '/')) {
            return FI_S3_XML_BAD;
        }
        if (quote != 0) {
            quote = byte == quote ? 0 : quote;
        } else if (byte == '"' || byte == '\'') {
            quote = byte;
        }
        last = byte;
    }
    if (xml->at == xml->end) {
        return FI_S3_XML_BAD;
    }
    xml->at++;
    xml->depth++;
    xml->has_root = true;
    xml->is_closed = last == '/';
    xml->is_leaf = true;
    xml->is_cut = false;
    xml->text_size = 0;
    return FI_S3_XML_OPEN;
}

static enum fi_s3_xml_event
close_element(struct fi_s3_xml *xml)
{
    xml->text[xml->text_size] = 0;
    xml->has_ended = true;
    return FI_S3_XML_CLOSE;
}

static enum fi_s3_xml_event
close_named(struct fi_s3_xml *xml)
{
    firn_slice name;
    xml->at += 2;
    if (xml->depth == 0 || !take_name(xml, &name) ||
        !fi_slice_equal(name, xml->names[xml->depth - 1])) {
        return FI_S3_XML_BAD;
    }
    while (xml->at < xml->end && is_space(*xml->at)) {
        xml->at++;
    }
    if (xml->at == xml->end || *xml->at != '>') {
        return FI_S3_XML_BAD;
    }
    xml->at++;
    return close_element(xml);
}

enum fi_s3_xml_event
fi_s3_xml_parse_next(struct fi_s3_xml *xml, firn_slice *out_name)
{
    enum fi_s3_xml_event event = 0;
    if (xml->is_closed) {
        xml->is_closed = false;
        event = close_element(xml);
    } else if (xml->has_ended) {
        xml->has_ended = false;
        xml->is_leaf = false; /* of what is around it */
        xml->depth--;
    }
    while (event == 0) {
        if (!take_text(xml)) {
            event = FI_S3_XML_BAD;
        } else if (xml->at == xml->end) {
            event = xml->depth == 0 && xml->has_root ? FI_S3_XML_END : FI_S3_XML_BAD;
        } else if (begins_with(xml, "<?")) {
            event = pass(xml, 2, "?>") ? 0 : FI_S3_XML_BAD;
        } else if (begins_with(xml, "<!--")) {
            event = pass(xml, 4, "-->") ? 0 : FI_S3_XML_BAD;
        } else if (begins_with(xml, "</")) {
            event = close_named(xml);
        } else {
            event = open_element(xml);
        }
    }
    if (event == FI_S3_XML_BAD) {
        xml->at = xml->end; /* and nothing follows */
        xml->has_root = false;
        xml->depth = 0;
    }
    *out_name = xml->depth > 0 ? xml->names[xml->depth - 1] : firn_bytes(NULL, 0);
    return event;
}

bool
fi_s3_xml_is(const struct fi_s3_xml *xml, size_t depth, const char *name)
{
    return depth > 0 && depth <= xml->depth &&
           fi_slice_equal(xml->names[depth - 1], firn_str(name));
}
