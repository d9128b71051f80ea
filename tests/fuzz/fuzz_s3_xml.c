/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/s3_xml: an answer of object storage, made of hostile text: read as XML, as a list, as an error and as
 * credentials. A list visits names only that are not empty, in whole documents; texts of errors are plain.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "s3/s3_answer.h"
#include "s3/s3_xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    size_t count;
    size_t stop_after;
};

static int
visit(void *ctx, const struct fi_bucket_object *object)
{
    struct seen *seen = ctx;
    CHECK(object->name[0] != 0 && object->age_s >= 0);
    CHECK(strlen(object->name) <= FI_S3_XML_TEXT_MAX);
    seen->count++;
    return seen->count == seen->stop_after ? FIRN_CANCELLED : FIRN_OK;
}

static int
found(void *ctx, firn_slice name, const char *text)
{
    size_t *count = ctx;
    CHECK(name.size > 0 && strlen(text) <= FI_S3_XML_TEXT_MAX);
    (*count)++;
    return FIRN_OK;
}

static bool
is_whole(firn_slice bytes)
{
    struct fi_s3_xml *xml = fi_alloc(sizeof *xml);
    CHECK(xml != NULL);
    firn_slice name;
    enum fi_s3_xml_event event;
    size_t open = 0;
    fi_s3_xml_init(xml, bytes);
    while ((event = fi_s3_xml_parse_next(xml, &name)) == FI_S3_XML_OPEN ||
           event == FI_S3_XML_CLOSE) {
        open += event == FI_S3_XML_OPEN ? 1 : 0;
        CHECK(open == xml->depth && open >= 1 && open <= FI_S3_XML_DEPTH_MAX);
        CHECK(xml->text_size <= FI_S3_XML_TEXT_MAX && name.size > 0);
        CHECK(event != FI_S3_XML_CLOSE || xml->text[xml->text_size] == 0);
        open -= event == FI_S3_XML_CLOSE ? 1 : 0;
    }
    CHECK(event == FI_S3_XML_BAD || open == 0);
    CHECK(event != FI_S3_XML_BAD || fi_s3_xml_parse_next(xml, &name) == FI_S3_XML_BAD);
    fi_free(xml);
    return event == FI_S3_XML_END;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    firn_slice bytes = firn_bytes(data, size);
    struct fi_s3_answer_error error;
    firn_error err;
    bool has_more;
    bool whole = is_whole(bytes);
    for (size_t stop = 0; stop < 2; stop++) {
        struct seen seen = {0, stop};
        int rc = fi_s3_answer_parse_list(bytes, stop == 0 ? "" : "p/", 1700000000, visit, &seen,
                                         &has_more, &err);
        CHECK(rc == FIRN_OK || rc == FIRN_CORRUPT || (rc == FIRN_CANCELLED && seen.count == stop));
        CHECK(rc != FIRN_OK || whole);
        CHECK(seen.count == 0 || whole);
    }
    fi_s3_answer_parse_error(bytes, &error);
    for (const char *at = error.message; *at != 0; at++) {
        CHECK(*at >= ' ' && *at < 0x7f);
    }
    size_t count = 0;
    int rc;
    CHECK(!fi_s3_answer_parse_role(bytes, found, &count, &rc) || count > 0 || rc != FIRN_OK);
    return 0;
}
