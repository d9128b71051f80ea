/* SPDX-License-Identifier: Apache-2.0
 *
 * hosted/os_ram_chunks.c: the memory of a file system in RAM: the chunks of files, and the limit.
 *
 * The limit counts what is there before it is allocated.
 */
#include "base/check.h"
#include "base/mem.h"
#include "hosted/os_ram_fs.h"
#include "posix/os_default.h"

bool
fi_os_ram_reserve(struct fi_os_ram *fs, uint64_t bytes)
{
    /* Relaxed: the number orders nothing. */
    uint_fast64_t used = atomic_load_explicit(&fs->used_bytes, memory_order_relaxed);
    do {
        if (bytes > fs->limit_bytes - used) {
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&fs->used_bytes, &used, used + bytes,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

void
fi_os_ram_unreserve(struct fi_os_ram *fs, uint64_t bytes)
{
    DCHECK(bytes <= atomic_load_explicit(&fs->used_bytes, memory_order_relaxed));
    atomic_fetch_sub_explicit(&fs->used_bytes, bytes, memory_order_relaxed);
}

uint64_t
fi_os_ram_used_bytes(const struct fi_os *os)
{
    return atomic_load_explicit(&((const struct fi_os_ram *)os)->used_bytes, memory_order_relaxed);
}

void
fi_os_ram_file_count_chunks(struct fi_os_ram_node *node, uint64_t more)
{
    atomic_fetch_add_explicit(&node->data_chunks, more, memory_order_relaxed);
}

void
fi_os_ram_file_free_chunk(struct fi_os_ram_node *node, size_t i)
{
    if (node->chunks[i] != NULL) {
        fi_free(node->chunks[i]);
        node->chunks[i] = NULL;
        fi_os_ram_file_count_chunks(node, UINT64_MAX);
        fi_os_ram_unreserve(node->fs, FI_OS_RAM_CHUNK_SIZE);
    }
}

void
fi_os_ram_file_free_contents(struct fi_os_ram_node *node)
{
    for (size_t i = 0; i < node->chunk_count; i++) {
        fi_os_ram_file_free_chunk(node, i);
    }
    fi_free(node->chunks);
    fi_os_ram_unreserve(node->fs, node->chunk_count * sizeof node->chunks[0]);
    node->chunks = NULL;
    node->chunk_count = 0;
}

int64_t
fi_os_ram_now(void)
{
    return fi_os_now_ns(fi_os_default());
}
