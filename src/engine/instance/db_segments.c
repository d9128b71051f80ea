/* SPDX-License-Identifier: Apache-2.0
 *
 * instance/db_segments.c: how many commits each segment of the log has.
 */
#include "base/check.h"
#include "instance/db_handle.h"

#include <string.h>

static size_t
segment_count(const struct fi_db_image *image)
{
    return image->segments.size / sizeof(struct fi_db_segment);
}

static struct fi_db_segment *
segment_at(const struct fi_db_image *image, size_t i)
{
    DCHECK(i < segment_count(image));
    return (struct fi_db_segment *)(void *)image->segments.data + i;
}

bool
fi_db_segments_has_room(const struct fi_db_image *image)
{
    return image->segments.capacity - image->segments.size >= 2 * sizeof(struct fi_db_segment);
}

int
fi_db_segments_make_room(struct fi_db_image *image, firn_error *err)
{
    DCHECK(fi_db_is_led(image->db));
    return fi_buf_reserve(&image->segments, 2 * sizeof(struct fi_db_segment)) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a commit");
}

void
fi_db_segments_note_commit(struct fi_db_image *image, uint64_t segment)
{
    size_t count = segment_count(image);
    DCHECK(fi_db_is_led(image->db) && segment > 0);
    DCHECK(count == 0 || segment_at(image, count - 1)->number <= segment);
    if (count == 0 || segment_at(image, count - 1)->number != segment) {
        const struct fi_db_segment added = {segment, 0};
        CHECK(fi_buf_append(&image->segments, &added, sizeof added) == FIRN_OK);
        count++;
    }
    segment_at(image, count - 1)->commit_count++;
}

bool
fi_db_segments_has_commits(const struct fi_db_image *image)
{
    return segment_count(image) > 0;
}

void
fi_db_segments_remove(struct fi_db_image *image, uint64_t before)
{
    DCHECK(fi_db_is_led(image->db));
    size_t gone = 0;
    while (gone < segment_count(image) && segment_at(image, gone)->number < before) {
        gone++;
    }
    size_t size = gone * sizeof(struct fi_db_segment);
    if (size > 0) {
        memmove(image->segments.data, image->segments.data + size, image->segments.size - size);
        image->segments.size -= size;
    }
}
