/* SPDX-License-Identifier: Apache-2.0
 *
 * bucket/bucket.c: the calls of a bucket: what is the same for every implementation, names above
 * all.
 */
#include "bucket/bucket.h"

#include <string.h>

#include "base/check.h"

static bool
is_name_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' || byte == '_';
}

bool
fi_bucket_is_name(const char *name)
{
    size_t size = strlen(name);
    if (size == 0 || size > FI_BUCKET_NAME_SIZE_MAX) {
        return false;
    }
    /* No part is empty or begins with a dot: so none is "." or "..". */
    char before = '/';
    for (size_t i = 0; i < size; i++) {
        bool is_first = before == '/';
        if (name[i] == '/' ? is_first : !is_name_byte(name[i]) || (is_first && name[i] == '.')) {
            return false;
        }
        before = name[i];
    }
    return before != '/';
}

void
fi_bucket_init(struct fi_bucket *bucket, const struct fi_bucket_ops *ops)
{
    *bucket = (struct fi_bucket){.ops = ops, .stream_count = 1};
    fi_os_process_init_mark(&bucket->mark);
}

/* Called first in each call. */
static int
begin_request(struct fi_bucket *bucket, firn_error *err)
{
    if (!fi_os_process_is_own(&bucket->mark)) {
        return fi_os_process_refuse("the bucket", err);
    }
    bucket->request_count++;
    return FIRN_OK;
}

int
fi_bucket_put(struct fi_bucket *bucket, const char *name, const struct fi_bucket_body *body,
              firn_error *err)
{
    DCHECK(fi_bucket_is_name(name));
    FI_TRY_RETURN(begin_request(bucket, err));
    return bucket->ops->put(bucket, name, body, err);
}

static int
read_bytes(void *ctx, uint64_t offset, void *out, size_t size, firn_error *err)
{
    (void)err;
    const firn_slice *bytes = ctx;
    DCHECK(offset <= bytes->size && size <= bytes->size - offset);
    memcpy(out, bytes->data + offset, size);
    return FIRN_OK;
}

int
fi_bucket_put_bytes(struct fi_bucket *bucket, const char *name, firn_slice bytes, firn_error *err)
{
    const struct fi_bucket_body body = {bytes.size, read_bytes, &bytes};
    return fi_bucket_put(bucket, name, &body, err);
}

int
fi_bucket_get(struct fi_bucket *bucket, const char *name, uint64_t offset, uint64_t size,
              struct fi_buf *out, firn_error *err)
{
    DCHECK(fi_bucket_is_name(name));
    FI_TRY_RETURN(begin_request(bucket, err));
    fi_buf_clear(out);
    return bucket->ops->get(bucket, name, offset, size, out, err);
}

int
fi_bucket_head(struct fi_bucket *bucket, const char *name, uint64_t *out_size_bytes,
               firn_error *err)
{
    DCHECK(fi_bucket_is_name(name));
    FI_TRY_RETURN(begin_request(bucket, err));
    return bucket->ops->head(bucket, name, out_size_bytes, err);
}

/* ==== lists ==== */

struct listing {
    const char *prefix;
    char last[FI_BUCKET_LISTED_NAME_SIZE_MAX + 1]; /* the name that came last, or after */
    bool has_last;
    bool is_wrong; /* the storage's answer is no list of what was asked for */
    int (*visit)(void *ctx, const struct fi_bucket_object *object);
    void *ctx;
};

/* A storage that repeats names, or ignores where a page begins, would have no end. */
static int
visit_in_order(void *ctx, const struct fi_bucket_object *object)
{
    struct listing *listing = ctx;
    size_t size = strlen(object->name);
    if (size > FI_BUCKET_LISTED_NAME_SIZE_MAX ||
        strncmp(object->name, listing->prefix, strlen(listing->prefix)) != 0 ||
        (listing->has_last && strcmp(object->name, listing->last) <= 0)) {
        listing->is_wrong = true;
        return FIRN_CORRUPT;
    }
    memcpy(listing->last, object->name, size + 1);
    listing->has_last = true;
    return listing->visit(listing->ctx, object);
}

int
fi_bucket_list(struct fi_bucket *bucket, const char *prefix, const char *after,
               int (*visit)(void *ctx, const struct fi_bucket_object *object), void *ctx,
               firn_error *err)
{
    struct listing listing = {.prefix = prefix, .visit = visit, .ctx = ctx};
    if (after != NULL) {
        DCHECK(strlen(after) <= FI_BUCKET_LISTED_NAME_SIZE_MAX);
        memcpy(listing.last, after, strlen(after) + 1);
        listing.has_last = true;
    }
    bool has_more = true;
    while (has_more) {
        char begin[FI_BUCKET_LISTED_NAME_SIZE_MAX + 1];
        memcpy(begin, listing.last, sizeof begin);
        bool has_begin = listing.has_last;
        FI_TRY_RETURN(begin_request(bucket, err));
        int rc = bucket->ops->list(bucket, prefix, has_begin ? begin : NULL, FI_BUCKET_LIST_MAX,
                                   visit_in_order, &listing, &has_more, err);
        bool has_moved = listing.has_last != has_begin || strcmp(begin, listing.last) != 0;
        if (listing.is_wrong || (rc == FIRN_OK && has_more && !has_moved)) {
            return fi_error_set(err, FIRN_CORRUPT,
                                "the storage does not list its objects in the order of their "
                                "names; is it an S3 bucket?");
        }
        FI_TRY_RETURN(rc);
    }
    return FIRN_OK;
}

int
fi_bucket_remove(struct fi_bucket *bucket, const char *name, firn_error *err)
{
    DCHECK(fi_bucket_is_name(name));
    FI_TRY_RETURN(begin_request(bucket, err));
    return bucket->ops->remove(bucket, name, err);
}

int
fi_bucket_open_again(struct fi_bucket *bucket, struct fi_bucket **out, firn_error *err)
{
    *out = NULL;
    return fi_os_process_is_own(&bucket->mark) ? bucket->ops->open_again(bucket, out, err)
                                               : fi_os_process_refuse("the bucket", err);
}

void
fi_bucket_close(struct fi_bucket *bucket)
{
    if (bucket != NULL && fi_os_process_is_own(&bucket->mark)) {
        bucket->ops->close(bucket);
    }
}
