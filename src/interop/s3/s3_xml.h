/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3_xml.h: reads XML, as far as answers of object storage use it: elements, text, the five
 * named entities and numbers. Attributes, comments and instructions are passed over; a document
 * type is refused, so nothing expands. One thread at a time.
 */
#ifndef FIRN_S3_S3_XML_H
#define FIRN_S3_S3_XML_H

#include <stdbool.h>
#include <stddef.h>

#include "firn/types.h"

enum { FI_S3_XML_DEPTH_MAX = 16, FI_S3_XML_TEXT_MAX = 4096 };

enum fi_s3_xml_event {
    FI_S3_XML_OPEN = 1,
    FI_S3_XML_CLOSE = 2,
    FI_S3_XML_END = 3, /* of a whole document */
    FI_S3_XML_BAD = 4  /* it is none */
};

struct fi_s3_xml {
    const uint8_t *at;
    const uint8_t *end;
    size_t depth; /* of the element of the event; the root's is 1 */
    firn_slice names[FI_S3_XML_DEPTH_MAX];
    bool is_closed; /* the element that was opened has no contents */
    bool has_ended; /* the last event closed an element */
    bool has_root;
    /* At FI_S3_XML_CLOSE of an element without elements in it: its text, with a NUL. */
    bool is_leaf;
    bool is_cut; /* the text is longer */
    size_t text_size;
    char text[FI_S3_XML_TEXT_MAX + 1];
};

/* The bytes must not change meanwhile. */
void fi_s3_xml_init(struct fi_s3_xml *xml, firn_slice bytes);
enum fi_s3_xml_event fi_s3_xml_parse_next(struct fi_s3_xml *xml, firn_slice *out_name);
/* Whether the element of the event has this name; those around it are asked for by their depth. */
bool fi_s3_xml_is(const struct fi_s3_xml *xml, size_t depth, const char *name);

#endif
