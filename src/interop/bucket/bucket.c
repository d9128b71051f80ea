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

int
fi_bucket_put(struct fi_bucket *bucket, const char *name, firn_slice bytes, firn_error *err)
{
    DCHECK(fi_bucket_is_name(name));
    bucket->request_count++;
    return bucket->ops->put(bucket, name, bytes, err);
}

int
fi_bucket_get(struct fi_bucket *bucket, const char *name, uint64_t offset, uint64_t size,
              struct fi_buf *out, firn_error *err)
{
    DCHECK(fi_bucket_is_name(name));
    bucket->request_count++;
    fi_buf_clear(out);
    return bucket->ops->get(bucket, name, offset, size, out, err);
}

int
fi_bucket_head(struct fi_bucket *bucket, const char *name, uint64_t *out_size_bytes,
               firn_error *err)
{
    DCHECK(fi_bucket_is_name(name));
    bucket->request_count++;
    return bucket->ops->head(bucket, name, out_size_bytes, err);
}

int
fi_bucket_list(struct fi_bucket *bucket, const char *prefix, const char *after, size_t count_max,
               int (*visit)(void *ctx, const struct fi_bucket_object *object), void *ctx,
               bool *out_has_more, firn_error *err)
{
    DCHECK(count_max > 0 && count_max <= FI_BUCKET_LIST_MAX);
    bucket->request_count++;
    return bucket->ops->list(bucket, prefix, after, count_max, visit, ctx, out_has_more, err);
}

int
fi_bucket_remove(struct fi_bucket *bucket, const char *name, firn_error *err)
{
    DCHECK(fi_bucket_is_name(name));
    bucket->request_count++;
    return bucket->ops->remove(bucket, name, err);
}

void
fi_bucket_close(struct fi_bucket *bucket)
{
    if (bucket != NULL) {
        bucket->ops->close(bucket);
    }
}
