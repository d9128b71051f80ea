// SPDX-License-Identifier: Apache-2.0
//
// firn/firn.hpp: stores, tables and workspaces for C++17: handles that close themselves, errors as exceptions, bytes as
// std::string_view. Header-only. The headers of the C functions say what each function does, which threads may call it,
// and how durable a commit is.
//
//     firn::store store("app.firn");
//     firn::keyspace users = store.open("users");
//     users.put("ada", "1815");
//     if (auto year = users.get("ada")) std::cout << *year << '\n';
//
//     firn::workspace project("/home/ada/project");
//     firn::save_result before = project.save("before the agent");
//     project.restore(before->checkpoint->id);
//
// - Every failure except a missing key or a missing checkpoint throws a firn::error with its code. Destructors do not
//   throw.
// - A string_view that a cursor returns is borrowed until the cursor moves.
// - Handles can be moved, not copied. A keyspace is a reference to a handle that its store owns: copy it freely, and do
//   not use it after the store is closed. Destroy snapshots, pins, cursors, transactions and loads before their store;
//   a store that is destroyed earlier stays open until the process ends.
// - Results of workspaces own what they point to. A result that was moved from can only be assigned to or destroyed.
// - An exception of a caller's function ends the call, and is rethrown after the call. This holds for functions given
//   as arguments and for function pointers in options. A call that is too late to cancel completes first
//   (firn_progress.is_finishing). Requires: no such function ends its thread (pthread_exit, cancellation); glibc would
//   abort the program.
// - One thread at a time may use a workspace. Members that list or compare write to its handle, so they are not const.
// - raw() returns the handle of the C functions, for features that this header does not wrap: watches, packs,
//   imports and exports.
#ifndef FIRN_FIRN_HPP
#define FIRN_FIRN_HPP

#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bulk.h"
#include "checkpoint.h"
#include "cursor.h"
#include "encryption.h"
#include "key.h"
#include "remote.h"
#include "scan.h"
#include "store.h"
#include "txn.h"
#include "vector.h"
#include "workspace.h"

namespace firn
{

class error : public std::runtime_error
{
  public:
    explicit error(const firn_error &err) : std::runtime_error(err.text), code_(err.code)
    {
    }
    int
    code() const noexcept
    {
        return code_;
    } // of enum firn_code

  private:
    int code_;
};

namespace detail
{

inline firn_slice
slice(std::string_view bytes) noexcept
{
    // Without an address a bound would be no bound.
    return firn_bytes(bytes.data() != nullptr ? bytes.data() : "", bytes.size());
}

inline std::string_view
view(firn_slice bytes) noexcept
{
    return std::string_view(reinterpret_cast<const char *>(bytes.data), bytes.size);
}

// Throws the error of a failed call.
inline void
check(int code, const firn_error &err)
{
    if (code != FIRN_OK) {
        throw error(err);
    }
}

// Bytes that the library returned, as a string; empty if the key is missing.
inline std::optional<std::string>
take(int code, uint8_t *value, size_t size, const firn_error &err)
{
    if (code == FIRN_NOT_FOUND) {
        return std::nullopt;
    }
    check(code, err);
    std::unique_ptr<uint8_t, void (*)(void *)> owner(value, firn_release);
    return std::string(reinterpret_cast<const char *>(value), size);
}

// A function of the caller, as a callback of C: an exception ends the call.
template <typename Given, typename Item> class callback
{
  public:
    explicit callback(const std::function<void(Item)> &work) : work_(work)
    {
    }
    static int
    call(void *ctx, Given given) noexcept
    {
        callback *it = static_cast<callback *>(ctx);
        try {
            it->work_(item(given));
            return FIRN_OK;
        } catch (...) {
            it->thrown_ = std::current_exception();
            return FIRN_CANCELLED;
        }
    }
    static int
    write(void *ctx, Given given, firn_error *) noexcept
    {
        return call(ctx, given);
    }
    // Rethrows the exception of the caller's function, or throws the error of the call.
    void
    check(int code, const firn_error &err) const
    {
        if (thrown_) {
            std::rethrow_exception(thrown_);
        }
        detail::check(code, err);
    }

  private:
    template <typename Pointed>
    static const Pointed &
    item(const Pointed *given) noexcept
    {
        return *given;
    }
    static std::string_view
    item(firn_slice given) noexcept
    {
        return view(given);
    }
    const std::function<void(Item)> &work_;
    std::exception_ptr thrown_;
};

struct close_store {
    void
    operator()(firn_store *store) const noexcept
    {
        firn_error err;
        if (firn_store_close(store, &err) != FIRN_OK) {
            // The store stays open, because an object of it is open. store::close() reports this.
        }
    }
};
struct close_snapshot {
    void
    operator()(firn_snapshot *snapshot) const noexcept
    {
        firn_snapshot_close(snapshot);
    }
};
struct close_workspace_reader {
    void
    operator()(firn_workspace_reader *snapshot) const noexcept
    {
        firn_workspace_reader_close(snapshot);
    }
};
struct release_pin {
    void
    operator()(firn_pin *pin) const noexcept
    {
        firn_pin_release(pin);
    }
};
struct close_cursor {
    void
    operator()(firn_cursor *cursor) const noexcept
    {
        firn_cursor_close(cursor);
    }
};
struct close_txn {
    void
    operator()(firn_txn *txn) const noexcept
    {
        firn_txn_close(txn);
    }
};
struct close_batch {
    void
    operator()(firn_batch *batch) const noexcept
    {
        firn_batch_destroy(batch);
    }
};
struct close_bulk {
    void
    operator()(firn_bulk *bulk) const noexcept
    {
        firn_bulk_close(bulk);
    }
};

} // namespace detail

// ---- keys ----

// An order-preserving key (firn/key.h): firn::key().text("brest").u64(7).
class key
{
  public:
    key &
    text(std::string_view value)
    {
        return add(2 * value.size() + 2,
                   [&](firn_key *out) { firn_key_add_text(out, detail::slice(value)); });
    }
    key &
    u64(uint64_t value)
    {
        return add(8, [&](firn_key *out) { firn_key_add_u64(out, value); });
    }
    key &
    i64(int64_t value)
    {
        return add(8, [&](firn_key *out) { firn_key_add_i64(out, value); });
    }
    key &
    f64(double value)
    {
        return add(8, [&](firn_key *out) { firn_key_add_f64(out, value); });
    }
    key &
    boolean(bool value)
    {
        return add(1, [&](firn_key *out) { firn_key_add_bool(out, value); });
    }
    operator std::string_view() const noexcept
    {
        return bytes_;
    }

  private:
    template <typename Adding>
    key &
    add(size_t size_max, Adding adding)
    {
        size_t before = bytes_.size();
        bytes_.resize(before + size_max);
        firn_key part = firn_key_in(&bytes_[before], size_max);
        adding(&part);
        bytes_.resize(before + part.size);
        return *this;
    }
    std::string bytes_;
};

// ---- reading ----

class snapshot
{
  public:
    firn_snapshot *
    raw() const noexcept
    {
        return handle_.get();
    }

  private:
    friend class store;
    explicit snapshot(firn_snapshot *handle) noexcept : handle_(handle)
    {
    }
    std::unique_ptr<firn_snapshot, detail::close_snapshot> handle_;
};

// A value in the store's cache, valid until this object is destroyed; empty if the key is missing.
class pinned
{
  public:
    explicit operator bool() const noexcept
    {
        return handle_ != nullptr;
    }
    // Borrowed.
    std::string_view
    operator*() const noexcept
    {
        return value_;
    }
    const std::string_view *
    operator->() const noexcept
    {
        return &value_;
    }
    firn_pin *
    raw() const noexcept
    {
        return handle_.get();
    }

  private:
    friend class keyspace;
    pinned(firn_pin *handle, std::string_view value) noexcept : handle_(handle), value_(value)
    {
    }
    std::unique_ptr<firn_pin, detail::release_pin> handle_;
    std::string_view value_;
};

// The range and state of a cursor; by default all keys of the present state.
struct range {
    std::optional<std::string_view> lower = std::nullopt; // included
    std::optional<std::string_view> upper = std::nullopt; // excluded
    std::optional<std::string_view> prefix = std::nullopt;
    const firn::snapshot *snapshot = nullptr;
    bool keys_only = false;
};

class cursor
{
  public:
    bool
    first()
    {
        return moved(&firn_cursor_first);
    }
    bool
    last()
    {
        return moved(&firn_cursor_last);
    }
    bool
    next()
    {
        return moved(&firn_cursor_next);
    }
    bool
    prev()
    {
        return moved(&firn_cursor_prev);
    }
    bool
    seek(std::string_view key)
    {
        return sought(&firn_cursor_seek, key);
    }
    bool
    seek_before(std::string_view key)
    {
        return sought(&firn_cursor_seek_before, key);
    }
    bool
    valid() const noexcept
    {
        return firn_cursor_valid(handle_.get());
    }
    std::string_view
    key() const noexcept
    {
        return detail::view(firn_cursor_key(handle_.get()));
    }
    std::string_view
    value() const noexcept
    {
        return detail::view(firn_cursor_value(handle_.get()));
    }
    firn_cursor *
    raw() const noexcept
    {
        return handle_.get();
    }

  private:
    friend class keyspace;
    friend class transaction;
    explicit cursor(firn_cursor *handle) noexcept : handle_(handle)
    {
    }
    static firn_cursor_options
    options(const range &range)
    {
        firn_cursor_options out = FIRN_CURSOR_OPTIONS_INIT;
        out.lower = range.lower ? detail::slice(*range.lower) : out.lower;
        out.upper = range.upper ? detail::slice(*range.upper) : out.upper;
        out.prefix = range.prefix ? detail::slice(*range.prefix) : out.prefix;
        out.snapshot = range.snapshot != nullptr ? range.snapshot->raw() : nullptr;
        out.keys_only = range.keys_only;
        return out;
    }
    bool
    moved(int (*move)(firn_cursor *, firn_error *))
    {
        firn_error err;
        detail::check(move(handle_.get(), &err), err);
        return valid();
    }
    bool
    sought(int (*move)(firn_cursor *, firn_slice, firn_error *), std::string_view key)
    {
        firn_error err;
        detail::check(move(handle_.get(), detail::slice(key), &err), err);
        return valid();
    }
    std::unique_ptr<firn_cursor, detail::close_cursor> handle_;
};

// ---- keyspaces ----

struct write_options {
    firn_durability durability = FIRN_DURABILITY_DEFAULT;
    uint64_t ttl_ms = 0; // puts only
};

class keyspace
{
  public:
    void
    put(std::string_view key, std::string_view value, const write_options &options = {})
    {
        firn_error err;
        firn_write_options given = from(options);
        detail::check(firn_put(handle_, detail::slice(key), detail::slice(value), &given, &err),
                      err);
    }
    // Returns whether it was put, which means that the key had no value.
    bool
    insert(std::string_view key, std::string_view value, const write_options &options = {})
    {
        firn_error err;
        firn_write_options given = from(options);
        int code = firn_insert(handle_, detail::slice(key), detail::slice(value), &given, &err);
        return is_done(code, FIRN_EXISTS, err);
    }
    // Returns whether it was put, which means that the key had the expected value.
    bool
    compare_and_put(std::string_view key, std::string_view expected, std::string_view value,
                    const write_options &options = {})
    {
        firn_error err;
        firn_write_options given = from(options);
        int code = firn_compare_and_put(handle_, detail::slice(key), detail::slice(expected),
                                        detail::slice(value), &given, &err);
        return code != FIRN_NOT_FOUND && is_done(code, FIRN_CONFLICT, err);
    }
    // The values of many keys, all from one state; no value for a missing key.
    std::vector<std::optional<std::string>>
    get_many(const std::vector<std::string_view> &keys) const
    {
        firn_error err;
        std::vector<firn_slice> slices;
        for (std::string_view key : keys) {
            slices.push_back(detail::slice(key));
        }
        std::vector<uint8_t *> found(keys.size());
        std::vector<size_t> sizes(keys.size());
        std::vector<std::optional<std::string>> values(keys.size());
        detail::check(firn_get_many(handle_, nullptr, slices.data(), slices.size(), found.data(),
                                    sizes.data(), &err),
                      err);
        struct releaser {
            std::vector<uint8_t *> &owned;
            ~releaser()
            {
                for (uint8_t *value : owned) {
                    firn_release(value);
                }
            }
        } owner{found};
        for (size_t i = 0; i < keys.size(); i++) {
            if (found[i] != nullptr) {
                values[i].emplace(reinterpret_cast<const char *>(found[i]), sizes[i]);
            }
        }
        return values;
    }
    void
    add(std::string_view key, int64_t number, const write_options &options = {})
    {
        firn_error err;
        firn_write_options given = from(options);
        uint8_t operand[8];
        firn_number(number, operand);
        detail::check(firn_merge(handle_, detail::slice(key), FIRN_MERGE_ADD,
                                 firn_bytes(operand, sizeof operand), &given, &err),
                      err);
    }
    void
    append(std::string_view key, std::string_view bytes, const write_options &options = {})
    {
        firn_error err;
        firn_write_options given = from(options);
        detail::check(firn_merge(handle_, detail::slice(key), FIRN_MERGE_APPEND,
                                 detail::slice(bytes), &given, &err),
                      err);
    }
    void
    erase(std::string_view key, const write_options &options = {})
    {
        firn_error err;
        firn_write_options given = from(options);
        detail::check(firn_delete(handle_, detail::slice(key), &given, &err), err);
    }
    void
    erase_range(std::string_view lower, std::string_view upper, const write_options &options = {})
    {
        firn_error err;
        firn_write_options given = from(options);
        detail::check(
            firn_delete_range(handle_, detail::slice(lower), detail::slice(upper), &given, &err),
            err);
    }
    std::optional<std::string>
    get(std::string_view key) const
    {
        firn_error err;
        uint8_t *value = nullptr;
        size_t size = 0;
        int code = firn_get(handle_, detail::slice(key), &value, &size, &err);
        return detail::take(code, value, size, err);
    }
    std::optional<std::string>
    get(std::string_view key, const snapshot &at) const
    {
        firn_error err;
        uint8_t *value = nullptr;
        size_t size = 0;
        int code = firn_snapshot_get(at.raw(), handle_, detail::slice(key), &value, &size, &err);
        return detail::take(code, value, size, err);
    }
    // The value, without a copy if possible.
    pinned
    get_pinned(std::string_view key) const
    {
        return get_pinned_at(key, nullptr);
    }
    pinned
    get_pinned(std::string_view key, const snapshot &at) const
    {
        return get_pinned_at(key, at.raw());
    }
    bool
    exists(std::string_view key) const
    {
        firn_error err;
        bool found = false;
        detail::check(firn_exists(handle_, detail::slice(key), &found, &err), err);
        return found;
    }
    firn::cursor
    cursor(const range &over = {}) const
    {
        firn_error err;
        firn_cursor_options options = firn::cursor::options(over);
        firn_cursor *out = nullptr;
        detail::check(firn_cursor_open(handle_, &options, &out, &err), err);
        return firn::cursor(out);
    }
    firn_keyspace *
    raw() const noexcept
    {
        return handle_;
    }

  private:
    pinned
    get_pinned_at(std::string_view key, firn_snapshot *at) const
    {
        firn_error err;
        firn_pin *pin = nullptr;
        firn_slice value = firn_bytes(nullptr, 0);
        int code = firn_get_pinned(handle_, at, detail::slice(key), &pin, &value, &err);
        if (code != FIRN_NOT_FOUND) {
            detail::check(code, err);
        }
        return pinned(pin, detail::view(value));
    }
    friend class store;
    explicit keyspace(firn_keyspace *handle) noexcept : handle_(handle)
    {
    }
    static firn_write_options
    from(const write_options &options) noexcept
    {
        firn_write_options out = FIRN_WRITE_OPTIONS_INIT;
        out.durability = options.durability;
        out.ttl_ms = options.ttl_ms;
        return out;
    }
    static bool
    is_done(int code, int refusal, const firn_error &err)
    {
        if (code != refusal) {
            detail::check(code, err);
        }
        return code == FIRN_OK;
    }
    firn_keyspace *handle_;
};

// ---- many writes at once ----

class batch
{
  public:
    batch()
    {
        firn_error err;
        firn_batch *out = nullptr;
        detail::check(firn_batch_create(&out, &err), err);
        handle_.reset(out);
    }
    batch &
    put(const keyspace &in, std::string_view key, std::string_view value)
    {
        firn_error err;
        detail::check(
            firn_batch_put(handle_.get(), in.raw(), detail::slice(key), detail::slice(value), &err),
            err);
        return *this;
    }
    batch &
    erase(const keyspace &in, std::string_view key)
    {
        firn_error err;
        detail::check(firn_batch_delete(handle_.get(), in.raw(), detail::slice(key), &err), err);
        return *this;
    }
    batch &
    erase_range(const keyspace &in, std::string_view lower, std::string_view upper)
    {
        firn_error err;
        detail::check(firn_batch_delete_range(handle_.get(), in.raw(), detail::slice(lower),
                                              detail::slice(upper), &err),
                      err);
        return *this;
    }
    batch &
    add(const keyspace &in, std::string_view key, int64_t number)
    {
        uint8_t operand[8];
        firn_number(number, operand);
        return merge(in, key, FIRN_MERGE_ADD, firn_bytes(operand, sizeof operand));
    }
    batch &
    append(const keyspace &in, std::string_view key, std::string_view bytes)
    {
        return merge(in, key, FIRN_MERGE_APPEND, detail::slice(bytes));
    }
    void
    clear() noexcept
    {
        firn_batch_clear(handle_.get());
    }
    size_t
    count() const noexcept
    {
        return firn_batch_count(handle_.get());
    }
    firn_batch *
    raw() const noexcept
    {
        return handle_.get();
    }

  private:
    batch &
    merge(const keyspace &in, std::string_view key, firn_merge_operator operation,
          firn_slice operand)
    {
        firn_error err;
        detail::check(
            firn_batch_merge(handle_.get(), in.raw(), detail::slice(key), operation, operand, &err),
            err);
        return *this;
    }
    std::unique_ptr<firn_batch, detail::close_batch> handle_;
};

// Of store::transact(), or of store::begin(): then call commit(); the destructor rolls back a transaction that is not
// committed.
class transaction
{
  public:
    std::optional<std::string>
    get(const keyspace &in, std::string_view key)
    {
        firn_error err;
        uint8_t *value = nullptr;
        size_t size = 0;
        int code = firn_txn_get(handle_, in.raw(), detail::slice(key), &value, &size, &err);
        return detail::take(code, value, size, err);
    }
    void
    put(const keyspace &in, std::string_view key, std::string_view value)
    {
        firn_error err;
        detail::check(
            firn_txn_put(handle_, in.raw(), detail::slice(key), detail::slice(value), &err), err);
    }
    void
    erase(const keyspace &in, std::string_view key)
    {
        firn_error err;
        detail::check(firn_txn_delete(handle_, in.raw(), detail::slice(key), &err), err);
    }
    void
    erase_range(const keyspace &in, std::string_view lower, std::string_view upper)
    {
        firn_error err;
        detail::check(firn_txn_delete_range(handle_, in.raw(), detail::slice(lower),
                                            detail::slice(upper), &err),
                      err);
    }
    void
    add(const keyspace &in, std::string_view key, int64_t number)
    {
        firn_error err;
        uint8_t operand[8];
        firn_number(number, operand);
        detail::check(firn_txn_merge(handle_, in.raw(), detail::slice(key), FIRN_MERGE_ADD,
                                     firn_bytes(operand, sizeof operand), &err),
                      err);
    }
    void
    append(const keyspace &in, std::string_view key, std::string_view bytes)
    {
        firn_error err;
        detail::check(firn_txn_merge(handle_, in.raw(), detail::slice(key), FIRN_MERGE_APPEND,
                                     detail::slice(bytes), &err),
                      err);
    }
    // The number of a savepoint, for rollback_to and release.
    uint64_t
    savepoint()
    {
        firn_error err;
        uint64_t out = 0;
        detail::check(firn_txn_savepoint(handle_, &out, &err), err);
        return out;
    }
    void
    rollback_to(uint64_t savepoint)
    {
        firn_error err;
        detail::check(firn_txn_rollback_to(handle_, savepoint, &err), err);
    }
    void
    release(uint64_t savepoint)
    {
        firn_error err;
        detail::check(firn_txn_release(handle_, savepoint, &err), err);
    }
    void
    rollback()
    {
        firn_error err;
        detail::check(firn_txn_rollback(handle_, &err), err);
    }
    firn::cursor
    cursor(const keyspace &in, const range &over = {})
    {
        firn_error err;
        firn_cursor_options options = firn::cursor::options(over);
        firn_cursor *out = nullptr;
        detail::check(firn_txn_cursor_open(handle_, in.raw(), &options, &out, &err), err);
        return firn::cursor(out);
    }
    // Throws an error with FIRN_CONFLICT if another commit came first.
    void
    commit(firn_durability durability = FIRN_DURABILITY_DEFAULT)
    {
        firn_error err;
        firn_write_options options = FIRN_WRITE_OPTIONS_INIT;
        options.durability = durability;
        detail::check(firn_txn_commit(handle_, &options, &err), err);
    }
    firn_txn *
    raw() const noexcept
    {
        return handle_;
    }

  private:
    friend class store;
    explicit transaction(firn_txn *handle, bool is_owner) noexcept
        : owner_(is_owner ? handle : nullptr), handle_(handle)
    {
    }
    std::unique_ptr<firn_txn, detail::close_txn> owner_;
    firn_txn *handle_;
};

// ---- stores ----

// ---- tables ----

// A value of a row: null, or of a type of columns. Texts and bytes are borrowed: the value refers to the memory that it
// was made from.
class value
{
  public:
    value(std::nullptr_t = nullptr) noexcept : value_(firn_null())
    {
    }
    value(bool truth) noexcept : value_(firn_bool(truth))
    {
    }
    value(int number) noexcept : value_(firn_i64(number))
    {
    }
    value(std::int64_t number) noexcept : value_(firn_i64(number))
    {
    }
    value(std::uint64_t number) noexcept : value_(firn_u64(number))
    {
    }
    value(double number) noexcept : value_(firn_f64(number))
    {
    }
    value(const char *text) noexcept : value_(firn_text(text))
    {
    }
    value(const std::string &text) noexcept : value(std::string_view(text))
    {
    }
    value(std::string_view text) noexcept : value_(firn_text_bytes(detail::slice(text)))
    {
    }
    value(const firn_value &raw) noexcept : value_(raw)
    {
    }
    // In units of 10^-scale of the column.
    static value
    decimal(std::int64_t units) noexcept
    {
        return value(firn_typed_i64(FIRN_TYPE_DECIMAL, units));
    }
    // Days since 1970-01-01.
    static value
    date(std::int64_t days) noexcept
    {
        return value(firn_typed_i64(FIRN_TYPE_DATE, days));
    }
    // Microseconds since 1970-01-01 00:00:00 UTC.
    static value
    timestamp(std::int64_t us) noexcept
    {
        return value(firn_typed_i64(FIRN_TYPE_TIMESTAMP, us));
    }
    static value
    blob(std::string_view bytes) noexcept
    {
        return value(firn_blob(detail::slice(bytes)));
    }
    bool
    is_null() const noexcept
    {
        return firn_is_null(value_);
    }
    firn_type
    type() const noexcept
    {
        return value_.type;
    }
    // Whole numbers of any type, decimals in units, dates, timestamps; BOOL as 0 and 1. Throws std::range_error for a
    // U64 that does not fit, and std::logic_error for other types.
    std::int64_t
    integer() const
    {
        if (value_.type == FIRN_TYPE_BOOL) {
            return value_.as.boolean ? 1 : 0;
        }
        if (value_.type >= FIRN_TYPE_U8 && value_.type <= FIRN_TYPE_U64) {
            if (value_.as.u64 > static_cast<std::uint64_t>(INT64_MAX)) {
                throw std::range_error("the value does not fit 64 bits with a sign");
            }
            return static_cast<std::int64_t>(value_.as.u64);
        }
        if ((value_.type >= FIRN_TYPE_I8 && value_.type <= FIRN_TYPE_I64) ||
            (value_.type >= FIRN_TYPE_DECIMAL && value_.type <= FIRN_TYPE_TIMESTAMP)) {
            return value_.as.i64;
        }
        throw std::logic_error("the value is no whole number");
    }
    // F64 and F32; whole numbers as the nearest one.
    double
    number() const
    {
        if (value_.type == FIRN_TYPE_F64) {
            return value_.as.f64;
        }
        if (value_.type == FIRN_TYPE_F32) {
            return static_cast<double>(value_.as.f32);
        }
        if (value_.type == FIRN_TYPE_U64) {
            return static_cast<double>(value_.as.u64);
        }
        return static_cast<double>(integer());
    }
    // TEXT, BLOB, UUID, VECTOR: borrowed.
    std::string_view
    bytes() const
    {
        if (value_.type < FIRN_TYPE_TEXT) {
            throw std::logic_error("the value is no text");
        }
        return detail::view(value_.as.bytes);
    }
    const firn_value &
    raw() const noexcept
    {
        return value_;
    }

  private:
    firn_value value_;
};

namespace detail
{

inline std::vector<firn_value>
raw(const std::vector<value> &values)
{
    std::vector<firn_value> out;
    out.reserve(values.size());
    for (const value &one : values) {
        out.push_back(one.raw());
    }
    return out;
}

struct destroy_row {
    void
    operator()(firn_row *row) const noexcept
    {
        firn_row_destroy(row);
    }
};
struct close_scan {
    void
    operator()(firn_scan *scan) const noexcept
    {
        firn_scan_close(scan);
    }
};
struct destroy_search_result {
    void
    operator()(firn_search_result *result) const noexcept
    {
        firn_search_result_destroy(result);
    }
};

} // namespace detail

// A row that was read; its values are borrowed from it.
class row
{
  public:
    std::size_t
    size() const noexcept
    {
        return firn_row_count(handle_.get());
    }
    value
    operator[](std::size_t column) const noexcept
    {
        return value(firn_row_values(handle_.get())[column]);
    }

  private:
    friend class table;
    row()
    {
        firn_error err;
        firn_row *out = nullptr;
        detail::check(firn_row_create(&out, &err), err);
        handle_.reset(out);
    }
    std::unique_ptr<firn_row, detail::destroy_row> handle_;
};

class scan;

// The options of a scan (firn/scan.h); an empty text is not set.
struct query {
    std::string select;
    std::string where;
    std::string group_by;
    std::string order_by;
    std::vector<value> parameters;
    std::uint64_t limit = 0;
    std::uint64_t offset = 0;
    std::string index;
    bool descending = false;
    unsigned threads = 0;
    const firn::snapshot *at = nullptr;
    const transaction *in = nullptr;
    firn::scan *join = nullptr; // is read to its end
    std::string join_on;
};

// The rows of a query, one after the other:
//     for (firn::scan found = goods.scan({"name, price", "price < 5"}); found.next();) use(found[0].bytes());
class scan
{
  public:
    // Moves to the next row; false at the end.
    bool
    next()
    {
        firn_error err;
        row_++;
        if (row_ < rows_) {
            return true;
        }
        detail::check(firn_scan_next(handle_.get(), &batch_, &err), err);
        rows_ = firn_scan_batch_rows(batch_);
        row_ = 0;
        return rows_ > 0;
    }
    // A value of the row; texts are borrowed until next. Requires: next returned true.
    value
    operator[](std::size_t column) const noexcept
    {
        return value(firn_scan_value(batch_, column, row_));
    }
    std::size_t
    columns() const noexcept
    {
        return firn_scan_column_count(handle_.get());
    }
    firn_scan_column
    column(std::size_t i) const noexcept
    {
        firn_scan_column out = FIRN_SCAN_COLUMN_INIT;
        firn_scan_column_at(handle_.get(), i, &out);
        return out;
    }
    firn_scan *
    raw() const noexcept
    {
        return handle_.get();
    }
    // The caller closes the scan, or passes it on (firn/arrow.h).
    firn_scan *
    release() noexcept
    {
        return handle_.release();
    }

  private:
    friend class table;
    explicit scan(firn_scan *handle) noexcept : handle_(handle)
    {
    }
    std::unique_ptr<firn_scan, detail::close_scan> handle_;
    const firn_scan_batch *batch_ = nullptr;
    std::size_t row_ = 0;
    std::size_t rows_ = 0;
};

// The options of a search (firn/vector.h).
struct search_query {
    std::uint64_t k = 10;
    firn_metric metric = FIRN_METRIC_COSINE;
    std::string where;
    std::vector<value> parameters;
    std::vector<std::string> columns; // of the result, in addition to the key
    bool exact = false;
    std::uint32_t ef = 0;
    double recall = 0;
    unsigned threads = 0;
    const firn::snapshot *at = nullptr;
    const transaction *in = nullptr;
};

// The rows that a search found, nearest first. It owns them: values are borrowed from it.
class search_result
{
  public:
    std::size_t
    size() const noexcept
    {
        return firn_search_result_count(handle_.get());
    }
    // Requires, here and below: i < size(), and the column exists.
    double
    distance(std::size_t i) const noexcept
    {
        return firn_search_result_distance(handle_.get(), i);
    }
    value
    key(std::size_t i, std::size_t column = 0) const noexcept
    {
        return value(firn_search_result_key(handle_.get(), i, nullptr)[column]);
    }
    // The values of the options' columns.
    value
    at(std::size_t i, std::size_t column) const noexcept
    {
        return value(firn_search_result_values(handle_.get(), i, nullptr)[column]);
    }
    const firn_search_result *
    raw() const noexcept
    {
        return handle_.get();
    }

  private:
    friend class table;
    explicit search_result(firn_search_result *handle) noexcept : handle_(handle)
    {
    }
    std::unique_ptr<firn_search_result, detail::destroy_search_result> handle_;
};

// A reference to a table that its store owns: copy it freely, and do not use it after the store is closed.
class table
{
  public:
    // Values of all columns, in the order in which they were added. Throws an error with FIRN_EXISTS if there is such a
    // row.
    void
    insert(const std::vector<value> &values, const transaction *in = nullptr)
    {
        write(firn_table_insert, values, in);
    }
    void
    upsert(const std::vector<value> &values, const transaction *in = nullptr)
    {
        write(firn_table_upsert, values, in);
    }
    // Columns by name, including those of the key; false: there is no such row.
    bool
    update(const std::vector<std::string> &columns, const std::vector<value> &values,
           const transaction *in = nullptr)
    {
        firn_error err;
        std::vector<const char *> names;
        for (const std::string &column : columns) {
            names.push_back(column.c_str());
        }
        firn_row_options options = FIRN_ROW_OPTIONS_INIT;
        options.txn = in != nullptr ? in->raw() : nullptr;
        options.columns = names.data();
        std::vector<firn_value> raw = detail::raw(values);
        return found(firn_table_update(handle_, &options, raw.data(), raw.size(), &err), err);
    }
    // false: there is no such row.
    bool
    erase(const std::vector<value> &key, const transaction *in = nullptr)
    {
        firn_error err;
        firn_row_options options = FIRN_ROW_OPTIONS_INIT;
        options.txn = in != nullptr ? in->raw() : nullptr;
        std::vector<firn_value> raw = detail::raw(key);
        return found(firn_table_delete(handle_, &options, raw.data(), raw.size(), &err), err);
    }
    std::optional<row>
    get(const std::vector<value> &key, const firn::snapshot *at = nullptr,
        const transaction *in = nullptr) const
    {
        firn_error err;
        row out;
        firn_read_options options = FIRN_READ_OPTIONS_INIT;
        options.txn = in != nullptr ? in->raw() : nullptr;
        options.snapshot = at != nullptr ? at->raw() : nullptr;
        std::vector<firn_value> raw = detail::raw(key);
        int code =
            firn_table_get(handle_, &options, raw.data(), raw.size(), out.handle_.get(), &err);
        return found(code, err) ? std::optional<row>(std::move(out)) : std::nullopt;
    }
    // Reads the rows with many keys, all in one state. Calls visit(i, row) for each key in order: its number, and its
    // row as a const std::vector<value> *, nullptr if there is none; both are valid until visit returns. An
    // exception of visit ends the call and is rethrown. visit must not use the transaction.
    template <typename Visit>
    void
    get_many(const std::vector<std::vector<value>> &keys, Visit visit,
             const firn::snapshot *at = nullptr, const transaction *in = nullptr) const
    {
        firn_error err;
        std::vector<firn_value> raw;
        firn_read_options options = FIRN_READ_OPTIONS_INIT;
        options.txn = in != nullptr ? in->raw() : nullptr;
        options.snapshot = at != nullptr ? at->raw() : nullptr;
        for (const std::vector<value> &key : keys) {
            if (key.size() != keys[0].size()) {
                throw std::logic_error("all keys must have as many values");
            }
            for (const value &one : key) {
                raw.push_back(one.raw());
            }
        }
        const firn_table_keys all = {raw.data(), keys.empty() ? 0 : keys[0].size(), keys.size()};
        visiting<Visit> what = {visit, {}, nullptr};
        int code = firn_table_get_many(handle_, &options, &all, visiting<Visit>::call, &what, &err);
        if (what.thrown != nullptr) {
            std::rethrow_exception(what.thrown);
        }
        detail::check(code, err);
    }
    // Deletes the rows from lower to upper, which are values of the first columns of the key; rows that begin with them
    // are deleted, too. Empty: no bound.
    void
    erase_range(const std::vector<value> &lower, const std::vector<value> &upper,
                const transaction *in = nullptr)
    {
        firn_error err;
        firn_row_options options = FIRN_ROW_OPTIONS_INIT;
        options.txn = in != nullptr ? in->raw() : nullptr;
        std::vector<firn_value> low = detail::raw(lower);
        std::vector<firn_value> high = detail::raw(upper);
        const firn_table_bound from = {low.data(), low.size(), false};
        const firn_table_bound to = {high.data(), high.size(), false};
        detail::check(firn_table_delete_range(handle_, &options, &from, &to, &err), err);
    }
    // Adds a number to a column of a row, and returns the new value; null stays null. Throws an error with
    // FIRN_NOT_FOUND if there is no such row.
    value
    add(const std::vector<value> &key, const std::string &column, const value &number,
        const transaction *in = nullptr)
    {
        firn_error err;
        firn_value out;
        firn_row_options options = FIRN_ROW_OPTIONS_INIT;
        options.txn = in != nullptr ? in->raw() : nullptr;
        std::vector<firn_value> raw = detail::raw(key);
        detail::check(firn_table_add_number(handle_, &options, raw.data(), raw.size(),
                                            column.c_str(), number.raw(), &out, &err),
                      err);
        return value(out);
    }
    firn::scan
    scan(const query &what = {}) const
    {
        firn_error err;
        firn_scan *out = nullptr;
        std::vector<firn_value> parameters = detail::raw(what.parameters);
        firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
        options.txn = what.in != nullptr ? what.in->raw() : nullptr;
        options.snapshot = what.at != nullptr ? what.at->raw() : nullptr;
        options.select = text(what.select);
        options.where = text(what.where);
        options.parameters = parameters.empty() ? nullptr : parameters.data();
        options.parameter_count = parameters.size();
        options.group_by = text(what.group_by);
        options.order_by = text(what.order_by);
        options.limit = what.limit;
        options.offset = what.offset;
        options.index = text(what.index);
        options.descending = what.descending;
        options.threads = what.threads;
        options.join = what.join != nullptr ? what.join->raw() : nullptr;
        options.join_on = text(what.join_on);
        detail::check(firn_scan_open(handle_, &options, &out, &err), err);
        return firn::scan(out);
    }
    // The rows whose vectors in a column are nearest to a given one.
    search_result
    search(const std::string &column, const std::vector<float> &vector,
           const search_query &what = {}) const
    {
        firn_search_result *out = nullptr;
        static const float none = 0;
        with_options(what, [&](const firn_search_options &options, firn_error &err) {
            return firn_table_search(handle_, column.c_str(),
                                     vector.empty() ? &none : vector.data(), vector.size(),
                                     &options, &out, &err);
        });
        return search_result(out);
    }
    // The same for several vectors of so many numbers, which follow each other: a result for each.
    // Without an index this takes a fraction of the time of as many searches.
    std::vector<search_result>
    search_many(const std::string &column, const std::vector<float> &vectors,
                std::size_t dimensions, const search_query &what = {}) const
    {
        const std::size_t count = dimensions > 0 ? vectors.size() / dimensions : 0;
        std::vector<firn_search_result *> out(count);
        std::vector<search_result> results;
        results.reserve(count);
        with_options(what, [&](const firn_search_options &options, firn_error &err) {
            return firn_table_search_many(handle_, column.c_str(), vectors.data(), count,
                                          dimensions, &options, out.data(), &err);
        });
        for (firn_search_result *result : out) {
            results.push_back(search_result(result));
        }
        return results;
    }
    firn_table *
    raw() const noexcept
    {
        return handle_;
    }

  private:
    template <typename Visit> struct visiting {
        Visit &visit;
        std::vector<value> values;
        std::exception_ptr thrown;
        static int
        call(void *ctx, std::size_t i, const firn_row *row) noexcept
        {
            visiting *self = static_cast<visiting *>(ctx);
            try {
                self->values.clear();
                for (std::size_t column = 0; row != nullptr && column < firn_row_count(row);
                     column++) {
                    self->values.push_back(value(firn_row_values(row)[column]));
                }
                const std::vector<value> *found = row != nullptr ? &self->values : nullptr;
                self->visit(i, found);
                return FIRN_OK;
            } catch (...) {
                self->thrown = std::current_exception();
                return FIRN_CANCELLED;
            }
        }
    };
    friend class store;
    explicit table(firn_table *handle) noexcept : handle_(handle)
    {
    }
    template <class Call>
    static void
    with_options(const search_query &what, Call call)
    {
        firn_error err;
        std::vector<firn_value> parameters = detail::raw(what.parameters);
        std::vector<const char *> columns;
        for (const std::string &name : what.columns) {
            columns.push_back(name.c_str());
        }
        firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
        options.txn = what.in != nullptr ? what.in->raw() : nullptr;
        options.snapshot = what.at != nullptr ? what.at->raw() : nullptr;
        options.k = what.k;
        options.metric = what.metric;
        options.where = text(what.where);
        options.parameters = parameters.empty() ? nullptr : parameters.data();
        options.parameter_count = parameters.size();
        options.columns = columns.empty() ? nullptr : columns.data();
        options.column_count = columns.size();
        options.exact = what.exact;
        options.ef = what.ef;
        options.recall = what.recall;
        options.threads = what.threads;
        detail::check(call(options, err), err);
    }
    static const char *
    text(const std::string &what) noexcept
    {
        return what.empty() ? nullptr : what.c_str();
    }
    static bool
    found(int code, const firn_error &err)
    {
        if (code != FIRN_NOT_FOUND) {
            detail::check(code, err);
        }
        return code == FIRN_OK;
    }
    void
    write(int (*put)(firn_table *, const firn_row_options *, const firn_value *, std::size_t,
                     firn_error *),
          const std::vector<value> &values, const transaction *in)
    {
        firn_error err;
        firn_row_options options = FIRN_ROW_OPTIONS_INIT;
        options.txn = in != nullptr ? in->raw() : nullptr;
        std::vector<firn_value> raw = detail::raw(values);
        detail::check(put(handle_, &options, raw.data(), raw.size(), &err), err);
    }
    firn_table *handle_;
};

class store
{
  public:
    explicit store(const std::string &path,
                   const firn_store_options &options = FIRN_STORE_OPTIONS_INIT)
    {
        firn_error err;
        firn_store *out = nullptr;
        detail::check(firn_store_open(path.c_str(), &options, &out, &err), err);
        handle_.reset(out);
    }
    static store
    in_memory(uint64_t limit_bytes)
    {
        firn_error err;
        firn_store *out = nullptr;
        detail::check(firn_store_open_memory(limit_bytes, nullptr, &out, &err), err);
        return store(out);
    }
    // Like the destructor, but throws an error; after FIRN_MISUSE the store stays open.
    void
    close()
    {
        firn_error err;
        firn_store *closing = handle_.release();
        int code = firn_store_close(closing, &err);
        if (code == FIRN_MISUSE) {
            handle_.reset(closing);
        }
        detail::check(code, err);
    }
    keyspace
    open(const std::string &name, const firn_keyspace_options &options = FIRN_KEYSPACE_OPTIONS_INIT)
    {
        firn_error err;
        firn_keyspace *out = nullptr;
        detail::check(firn_keyspace_open(handle_.get(), name.c_str(), &options, &out, &err), err);
        return keyspace(out);
    }
    // Creates a table from its definition as text (firn_table_def_parse).
    table
    create_table(const std::string &name, const std::string &definition)
    {
        firn_error err;
        firn_table_def *def = nullptr;
        firn_table *out = nullptr;
        detail::check(firn_table_def_parse(definition.c_str(), &def, &err), err);
        std::unique_ptr<firn_table_def, void (*)(void *)> owner(def, firn_release);
        detail::check(firn_table_create(handle_.get(), name.c_str(), def, &out, &err), err);
        return table(out);
    }
    // Throws an error with FIRN_NOT_FOUND if there is none.
    table
    open_table(const std::string &name)
    {
        firn_error err;
        firn_table *out = nullptr;
        detail::check(firn_table_open(handle_.get(), name.c_str(), &out, &err), err);
        return table(out);
    }
    void
    write(const batch &writes, firn_durability durability = FIRN_DURABILITY_DEFAULT)
    {
        firn_error err;
        firn_write_options options = FIRN_WRITE_OPTIONS_INIT;
        options.durability = durability;
        detail::check(firn_store_write(handle_.get(), writes.raw(), &options, &err), err);
    }
    // A snapshot of now, or of a checkpoint.
    firn::snapshot
    snapshot(const std::string &checkpoint = std::string()) const
    {
        firn_error err;
        firn_snapshot *out = nullptr;
        firn_snapshot_options options = FIRN_SNAPSHOT_OPTIONS_INIT;
        options.checkpoint = checkpoint.empty() ? nullptr : checkpoint.c_str();
        detail::check(firn_snapshot_open(handle_.get(), &options, &out, &err), err);
        return firn::snapshot(out);
    }
    transaction
    begin(firn_isolation isolation = FIRN_ISOLATION_DEFAULT)
    {
        firn_error err;
        firn_txn *out = nullptr;
        firn_txn_options options = FIRN_TXN_OPTIONS_INIT;
        options.isolation = isolation;
        detail::check(firn_txn_begin(handle_.get(), &options, &out, &err), err);
        return transaction(out, true);
    }
    // Runs work in a transaction and commits it; repeats both after a conflict (firn_txn_run). An exception of work
    // rolls the transaction back and is rethrown, except an error with FIRN_CONFLICT, which runs work again.
    void
    transact(const std::function<void(transaction &)> &work,
             firn_isolation isolation = FIRN_ISOLATION_DEFAULT)
    {
        struct running {
            const std::function<void(transaction &)> *work;
            std::exception_ptr thrown;
        } run = {&work, nullptr};
        firn_error err;
        firn_txn_run_options options = FIRN_TXN_RUN_OPTIONS_INIT;
        options.isolation = isolation;
        int code = firn_txn_run(
            handle_.get(), &options,
            [](void *ctx, firn_txn *txn, firn_error *out) {
                running *it = static_cast<running *>(ctx);
                it->thrown = nullptr;
                try {
                    transaction lent(txn, false);
                    (*it->work)(lent);
                    return static_cast<int>(FIRN_OK);
                } catch (const error &failure) {
                    it->thrown =
                        failure.code() == FIRN_CONFLICT ? nullptr : std::current_exception();
                    std::string_view text = failure.what();
                    out->code = failure.code();
                    out->os_errno = 0;
                    out->text[text.copy(out->text, sizeof out->text - 1)] = '\0';
                    return failure.code();
                } catch (...) {
                    it->thrown = std::current_exception();
                    return static_cast<int>(FIRN_CANCELLED);
                }
            },
            &run, &err);
        if (run.thrown) {
            std::rethrow_exception(run.thrown);
        }
        detail::check(code, err);
    }
    // Creates a checkpoint of the present data; "" is no name.
    firn_store_checkpoint
    checkpoint(const std::string &name)
    {
        firn_error err;
        firn_store_checkpoint out = FIRN_STORE_CHECKPOINT_INIT;
        detail::check(
            firn_store_checkpoint_create(handle_.get(), name.c_str(), nullptr, &out, &err), err);
        return out;
    }
    // Newest first.
    std::vector<firn_store_checkpoint>
    checkpoints(bool include_safety = false) const
    {
        firn_error err;
        std::vector<firn_store_checkpoint> all;
        firn_store_checkpoint_list_options options = FIRN_STORE_CHECKPOINT_LIST_OPTIONS_INIT;
        options.include_safety = include_safety;
        const std::function<void(const firn_store_checkpoint &)> work =
            [&](const firn_store_checkpoint &one) { all.push_back(one); };
        detail::callback<const firn_store_checkpoint *, const firn_store_checkpoint &> each(work);
        each.check(firn_store_checkpoint_list(handle_.get(), &options, each.call, &each, &err),
                   err);
        return all;
    }
    // No value if there is no such checkpoint.
    std::optional<firn_store_checkpoint>
    find_checkpoint(const std::string &reference) const
    {
        firn_error err;
        firn_store_checkpoint out = FIRN_STORE_CHECKPOINT_INIT;
        int code = firn_store_checkpoint_find(handle_.get(), reference.c_str(), &out, &err);
        if (code == FIRN_NOT_FOUND) {
            return std::nullopt;
        }
        detail::check(code, err);
        return out;
    }
    void
    erase_checkpoint(const std::string &reference)
    {
        firn_error err;
        const char *references[] = {reference.c_str()};
        detail::check(firn_store_checkpoint_delete(handle_.get(), references, 1, &err), err);
    }
    // Calls `each` for what differs between two checkpoints; "" is the present data.
    void
    diff(const std::string &before, const std::string &after,
         const std::function<void(const firn_store_difference &)> &each) const
    {
        firn_error err;
        detail::callback<const firn_store_difference *, const firn_store_difference &> visit(each);
        visit.check(firn_store_diff(handle_.get(), before.empty() ? nullptr : before.c_str(),
                                    after.empty() ? nullptr : after.c_str(), nullptr, visit.call,
                                    &visit, &err),
                    err);
    }
    void
    restore(const std::string &reference)
    {
        firn_error err;
        detail::check(firn_store_restore(handle_.get(), reference.c_str(), nullptr, &err), err);
    }
    void
    undo()
    {
        firn_error err;
        detail::check(firn_store_undo(handle_.get(), nullptr, &err), err);
    }
    void
    sync()
    {
        firn_error err;
        detail::check(firn_store_sync(handle_.get(), &err), err);
    }
    // The names of its keyspaces, in byte order.
    std::vector<std::string>
    keyspaces() const
    {
        firn_error err;
        std::vector<std::string> names;
        const std::function<void(const char &)> work = [&](const char &name) {
            names.emplace_back(&name);
        };
        detail::callback<const char *, const char &> each(work);
        each.check(firn_keyspace_list(handle_.get(), each.call, &each, &err), err);
        return names;
    }
    // Removes a keyspace and everything in it.
    void
    drop(const std::string &name)
    {
        firn_error err;
        detail::check(firn_keyspace_drop(handle_.get(), name.c_str(), &err), err);
    }
    void
    drop_table(const std::string &name)
    {
        firn_error err;
        detail::check(firn_table_drop(handle_.get(), name.c_str(), &err), err);
    }
    // Frees the space of what was overwritten and deleted.
    void
    compact()
    {
        firn_error err;
        detail::check(firn_store_compact(handle_.get(), nullptr, &err), err);
    }
    // Verifies every file. Throws an error with FIRN_CORRUPT if anything is damaged.
    firn_store_check_result
    check() const
    {
        firn_error err;
        firn_store_check_result out = FIRN_STORE_CHECK_RESULT_INIT;
        detail::check(firn_store_check(handle_.get(), nullptr, &out, &err), err);
        return out;
    }
    // Verifies the encrypted store at `path` without its key: what checksums can tell. Throws
    // likewise.
    static firn_store_check_locked_result
    check_locked(const std::string &path)
    {
        firn_error err;
        firn_store_check_locked_result out = FIRN_STORE_CHECK_LOCKED_RESULT_INIT;
        detail::check(firn_store_check_locked(path.c_str(), nullptr, &out, &err), err);
        return out;
    }
    void
    clone(const std::string &path) const
    {
        firn_error err;
        detail::check(firn_store_clone(handle_.get(), path.c_str(), nullptr, &err), err);
    }
    firn_store *
    raw() const noexcept
    {
        return handle_.get();
    }

  private:
    explicit store(firn_store *handle) noexcept : handle_(handle)
    {
    }
    std::unique_ptr<firn_store, detail::close_store> handle_;
};

// ---- workspaces ----

// The bytes of a slice, valid as long as their owner.
inline std::string_view
text(firn_slice bytes) noexcept
{
    return detail::view(bytes);
}

namespace detail
{

struct close_workspace {
    void
    operator()(firn_workspace *workspace) const noexcept
    {
        firn_workspace_close(workspace);
    }
};
struct release_memory {
    void
    operator()(void *memory) const noexcept
    {
        firn_release(memory);
    }
};

inline void
release(const firn_workspace_save_result &result) noexcept
{
    firn_release(result.checkpoint);
}
inline void
release(const firn_workspace_status_result &result) noexcept
{
    firn_release(result.checkpoint);
}
inline void
release(const firn_workspace_diff_result &result) noexcept
{
    firn_release(result.before);
    firn_release(result.after);
}
inline void
release(const firn_workspace_restore_result &result) noexcept
{
    firn_release(result.checkpoint);
}
inline void
release(const firn_workspace_steps_result &result) noexcept
{
    firn_release(result.checkpoint);
}
inline void
release(const firn_workspace_revert_result &result) noexcept
{
    firn_release(result.after);
    firn_release(result.before);
}

// Calls the callbacks of options so that no exception passes through C. An exception ends the call at once, or, if
// on_notice threw it, at the next on_progress. After that no callback is called.
class guard
{
  public:
    explicit guard(firn_callbacks &callbacks) noexcept : given_(callbacks)
    {
        callbacks.on_notice = given_.on_notice != nullptr ? &notice : nullptr;
        callbacks.on_progress =
            given_.on_notice != nullptr || given_.on_progress != nullptr ? &progress : nullptr;
        callbacks.ctx = this;
    }
    explicit guard(firn_workspace_restore_options &options) noexcept : guard(options.callbacks)
    {
        on_change_ =
            std::exchange(options.on_change, options.on_change != nullptr ? &change : nullptr);
        on_step_ = std::exchange(options.on_step, options.on_step != nullptr ? &step : nullptr);
    }
    explicit guard(firn_workspace_revert_options &options) noexcept : guard(options.callbacks)
    {
        on_change_ =
            std::exchange(options.on_change, options.on_change != nullptr ? &change : nullptr);
        on_conflict_ = std::exchange(options.on_conflict,
                                     options.on_conflict != nullptr ? &conflict : nullptr);
    }
    guard(const guard &) = delete;
    guard &operator=(const guard &) = delete;
    // Rethrows the exception of a callback.
    void
    rethrow() const
    {
        if (thrown_) {
            std::rethrow_exception(thrown_);
        }
    }
    // The same, or throws the error of the call.
    void
    check(int code, const firn_error &err) const
    {
        rethrow();
        detail::check(code, err);
    }

  private:
    static void
    notice(void *ctx, const firn_notice *given) noexcept
    {
        guard *it = static_cast<guard *>(ctx);
        (void)it->run([&] {
            it->given_.on_notice(it->given_.ctx, given);
            return static_cast<int>(FIRN_OK);
        });
    }
    static int
    progress(void *ctx, const firn_progress *given) noexcept
    {
        guard *it = static_cast<guard *>(ctx);
        return it->run([&] {
            return it->given_.on_progress != nullptr ? it->given_.on_progress(it->given_.ctx, given)
                                                     : static_cast<int>(FIRN_OK);
        });
    }
    static int
    change(void *ctx, const firn_workspace_change *given) noexcept
    {
        guard *it = static_cast<guard *>(ctx);
        return it->run([&] { return it->on_change_(it->given_.ctx, given); });
    }
    static int
    step(void *ctx, const firn_workspace_step *given) noexcept
    {
        guard *it = static_cast<guard *>(ctx);
        return it->run([&] { return it->on_step_(it->given_.ctx, given); });
    }
    static int
    conflict(void *ctx, const firn_workspace_revert_conflict *given) noexcept
    {
        guard *it = static_cast<guard *>(ctx);
        return it->run([&] { return it->on_conflict_(it->given_.ctx, given); });
    }
    template <typename Work>
    int
    run(Work work) noexcept
    {
        if (thrown_) {
            return FIRN_CANCELLED;
        }
        try {
            return work();
        } catch (...) {
            thrown_ = std::current_exception();
            return FIRN_CANCELLED;
        }
    }
    firn_callbacks given_;
    int (*on_change_)(void *, const firn_workspace_change *) = nullptr;
    int (*on_step_)(void *, const firn_workspace_step *) = nullptr;
    int (*on_conflict_)(void *, const firn_workspace_revert_conflict *) = nullptr;
    std::exception_ptr thrown_;
};

} // namespace detail

// ---- keys of encrypted stores (firn/encryption.h) ----

struct key_slot {
    unsigned number;
    firn_keys_kind kind;
    std::string label;
    int64_t added_ns;
};
// What there is of the keys of a store or a remote.
struct key_list {
    firn_keys_info info = FIRN_KEYS_INFO_INIT;
    std::vector<key_slot> slots;
};
// A recovery code, wiped when this is destroyed. It can only be moved, which leaves nothing.
class recovery_code
{
  public:
    recovery_code() noexcept = default;
    recovery_code(recovery_code &&other) noexcept : number_(other.number_)
    {
        std::memcpy(text_, other.text_, sizeof text_);
        other.wipe();
    }
    recovery_code &operator=(recovery_code &&) = delete;
    ~recovery_code()
    {
        wipe();
    }
    unsigned
    number() const noexcept
    {
        return number_;
    }
    const char *
    text() const noexcept
    {
        return text_;
    }

  private:
    friend class workspace;
    friend recovery_code keys_add_recovery(const std::string &path, const std::string &label,
                                           const firn_keys_options &options);
    void
    wipe() noexcept
    {
        volatile char *at = text_;
        for (size_t i = 0; i < sizeof text_; i++) {
            at[i] = 0;
        }
    }
    unsigned number_ = 0;
    char text_[FIRN_KEYS_RECOVERY_SIZE] = "";
};
inline firn_keys_secret
passphrase(std::string_view text) noexcept
{
    return {FIRN_KEYS_PASSPHRASE, detail::slice(text)};
}
// What is in a key file.
inline firn_keys_secret
key_file(std::string_view bytes) noexcept
{
    return {FIRN_KEYS_FILE, detail::slice(bytes)};
}

namespace detail
{

// The slots that a list of keys tells.
struct slots {
    std::vector<key_slot> &items;
    std::exception_ptr thrown;
    static int
    add(void *ctx, const firn_keys_slot *slot) noexcept
    {
        slots *it = static_cast<slots *>(ctx);
        try {
            it->items.push_back({slot->number, slot->kind, slot->label, slot->added_ns});
            return FIRN_OK;
        } catch (...) {
            it->thrown = std::current_exception();
            return FIRN_CANCELLED;
        }
    }
    void
    check(int code, const firn_error &err) const
    {
        if (thrown) {
            std::rethrow_exception(thrown);
        }
        detail::check(code, err);
    }
};

} // namespace detail

// Of a store, or of an exported one. Needs no key.
inline key_list
keys_list(const std::string &path)
{
    firn_error err;
    key_list out;
    detail::slots slots{out.slots, nullptr};
    slots.check(firn_keys_list(path.c_str(), &detail::slots::add, &slots, &out.info, &err), err);
    return out;
}
// Adds a secret that opens the store from now on, and gives the number of its slot.
inline unsigned
keys_add(const std::string &path, const firn_keys_secret &secret, const std::string &label = "",
         const firn_keys_options &options = FIRN_KEYS_OPTIONS_INIT)
{
    firn_error err;
    unsigned out = 0;
    detail::check(firn_keys_add(path.c_str(), &secret, label.c_str(), &options, &out, &err), err);
    return out;
}
// Makes up a recovery code, to be written down: it is nowhere else.
inline recovery_code
keys_add_recovery(const std::string &path, const std::string &label = "",
                  const firn_keys_options &options = FIRN_KEYS_OPTIONS_INIT)
{
    firn_error err;
    recovery_code out;
    detail::check(firn_keys_add_recovery(path.c_str(), label.c_str(), &options, out.text_,
                                         &out.number_, &err),
                  err);
    return out;
}
// Another secret of the same kind for a slot.
inline void
keys_change(const std::string &path, unsigned number, const firn_keys_secret &secret,
            const firn_keys_options &options = FIRN_KEYS_OPTIONS_INIT)
{
    firn_error err;
    detail::check(firn_keys_change(path.c_str(), number, &secret, &options, &err), err);
}
inline void
keys_remove(const std::string &path, unsigned number,
            const firn_keys_options &options = FIRN_KEYS_OPTIONS_INIT)
{
    firn_error err;
    detail::check(firn_keys_remove(path.c_str(), number, &options, &err), err);
}
// Adds a master key, with which all new files are encrypted.
inline void
keys_rotate(const std::string &path, const firn_keys_options &options = FIRN_KEYS_OPTIONS_INIT)
{
    firn_error err;
    detail::check(firn_keys_rotate(path.c_str(), &options, &err), err);
}
// Sets one new secret in place of all that open the store, and rotates; gives the number of its slot.
inline unsigned
keys_replace(const std::string &path, const firn_keys_secret &secret, const std::string &label = "",
             const firn_keys_options &options = FIRN_KEYS_OPTIONS_INIT)
{
    firn_error err;
    unsigned out = 0;
    detail::check(firn_keys_replace(path.c_str(), &secret, label.c_str(), &options, &out, &err),
                  err);
    return out;
}
// Begins to make a store in clear an encrypted one; keys_rekey ends it.
inline void
keys_encrypt(const std::string &path, firn_cipher cipher = FIRN_CIPHER_AUTOMATIC,
             const firn_keys_options &options = FIRN_KEYS_OPTIONS_INIT)
{
    firn_error err;
    detail::check(firn_keys_encrypt(path.c_str(), cipher, &options, &err), err);
}
// The other way.
inline void
keys_decrypt(const std::string &path, const firn_keys_options &options = FIRN_KEYS_OPTIONS_INIT)
{
    firn_error err;
    detail::check(firn_keys_decrypt(path.c_str(), &options, &err), err);
}
// Writes every file of a store anew that is not encrypted with its newest master key, or not as it is to be while the
// store is changing. What is left is for another call; packs are left to workspace::gc with options.rekey.
inline firn_keys_rekey_result
keys_rekey(const std::string &path,
           const firn_keys_rekey_options &options = FIRN_KEYS_REKEY_OPTIONS_INIT)
{
    firn_error err;
    firn_keys_rekey_options given = options;
    firn_keys_rekey_result out = FIRN_KEYS_REKEY_RESULT_INIT;
    detail::guard guard(given.callbacks);
    guard.check(firn_keys_rekey(path.c_str(), &given, &out, &err), err);
    return out;
}
// The session keyring opens the store for so many seconds.
inline void
keys_remember(const std::string &path, uint32_t seconds,
              const firn_keys_options &options = FIRN_KEYS_OPTIONS_INIT)
{
    firn_error err;
    detail::check(firn_keys_remember(path.c_str(), seconds, &options, &err), err);
}
// Ends that for a store, or for all of them (std::nullopt). Gives for how many.
inline size_t
keys_forget(const std::optional<std::string> &path)
{
    firn_error err;
    size_t out = 0;
    detail::check(firn_keys_forget(path ? path->c_str() : nullptr, &out, &err), err);
    return out;
}

// ---- results of workspaces ----

using checkpoint = std::unique_ptr<firn_workspace_checkpoint, detail::release_memory>;

// A result, with what it points to: saved->checkpoint->number. A result that was moved from must not be dereferenced.
template <typename Result> class result
{
  public:
    result(result &&from) noexcept : owner_(std::move(from.owner_))
    {
    }
    result &
    operator=(result &&from) noexcept
    {
        owner_ = std::move(from.owner_);
        return *this;
    }
    const Result &
    operator*() const noexcept
    {
        return *owner_;
    }
    const Result *
    operator->() const noexcept
    {
        return owner_.get();
    }

  private:
    friend class workspace;
    struct releasing {
        void
        operator()(Result *owned) const noexcept
        {
            detail::release(*owned);
            delete owned;
        }
    };
    explicit result(const Result &empty) : owner_(new Result(empty))
    {
    }
    std::unique_ptr<Result, releasing> owner_;
};
using save_result = result<firn_workspace_save_result>;
using status_result = result<firn_workspace_status_result>;
using diff_result = result<firn_workspace_diff_result>;
using restore_result = result<firn_workspace_restore_result>;
using steps_result = result<firn_workspace_steps_result>;
using revert_result = result<firn_workspace_revert_result>;

// Directories and files of checkpoints by their hashes, with the store open once. Any threads.
class workspace_reader
{
  public:
    // The names of the entries of a directory are their paths.
    void
    entries(const firn_hash &directory,
            const std::function<void(const firn_workspace_entry &)> &each) const
    {
        firn_error err;
        detail::callback<const firn_workspace_entry *, const firn_workspace_entry &> callback(each);
        callback.check(firn_workspace_reader_entries(handle_.get(), &directory,
                                                     &decltype(callback)::call, &callback, &err),
                       err);
    }
    void
    cat(const firn_workspace_entry &file, const std::function<void(std::string_view)> &each) const
    {
        firn_error err;
        detail::callback<firn_slice, std::string_view> callback(each);
        callback.check(firn_workspace_reader_cat(handle_.get(), &file.hash, file.size_bytes,
                                                 &decltype(callback)::write, &callback, &err),
                       err);
    }
    firn_workspace_reader *
    raw() const noexcept
    {
        return handle_.get();
    }

  private:
    friend class workspace;
    explicit workspace_reader(firn_workspace_reader *handle) noexcept : handle_(handle)
    {
    }
    std::unique_ptr<firn_workspace_reader, detail::close_workspace_reader> handle_;
};

// A directory tree whose states are saved (firn/workspace.h). References are numbers, ids, tags, "latest".
class workspace
{
  public:
    explicit workspace(const std::string &path,
                       const firn_workspace_options &options = FIRN_WORKSPACE_OPTIONS_INIT)
    {
        firn_error err;
        firn_workspace *out = nullptr;
        detail::check(firn_workspace_open(path.c_str(), &options, &out, &err), err);
        handle_.reset(out);
    }
    std::string
    root() const
    {
        return firn_workspace_root(handle_.get());
    }
    std::string
    store_path() const
    {
        return firn_workspace_store_path(handle_.get());
    }

    // ---- saving and restoring ----

    save_result
    save(std::string_view message,
         const firn_workspace_save_options &options = FIRN_WORKSPACE_SAVE_OPTIONS_INIT)
    {
        firn_error err;
        firn_workspace_save_options given = options;
        save_result out(FIRN_WORKSPACE_SAVE_RESULT_INIT);
        detail::guard guard(given.callbacks);
        given.message = detail::slice(message);
        guard.check(firn_workspace_save(handle_.get(), &given, out.owner_.get(), &err), err);
        return out;
    }
    restore_result
    restore(const std::string &reference,
            const firn_workspace_restore_options &options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT)
    {
        firn_error err;
        firn_workspace_restore_options given = options;
        restore_result out(FIRN_WORKSPACE_RESTORE_RESULT_INIT);
        detail::guard guard(given);
        guard.check(firn_workspace_restore(handle_.get(), reference.c_str(), &given,
                                           out.owner_.get(), &err),
                    err);
        return out;
    }
    // Goes one state back: takes back edits that were not saved, a save or a restore. With options.last_turn: to before
    // the last turn of an agent.
    restore_result
    undo(const firn_workspace_restore_options &options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT)
    {
        firn_error err;
        firn_workspace_restore_options given = options;
        restore_result out(FIRN_WORKSPACE_RESTORE_RESULT_INIT);
        detail::guard guard(given);
        guard.check(firn_workspace_undo(handle_.get(), &given, out.owner_.get(), &err), err);
        return out;
    }
    // Goes one state forward, after an undo.
    restore_result
    redo(const firn_workspace_restore_options &options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT)
    {
        firn_error err;
        firn_workspace_restore_options given = options;
        restore_result out(FIRN_WORKSPACE_RESTORE_RESULT_INIT);
        detail::guard guard(given);
        guard.check(firn_workspace_redo(handle_.get(), &given, out.owner_.get(), &err), err);
        return out;
    }
    // The steps that undo and redo would take, newest first. `each` may be an empty function.
    steps_result
    steps(const std::function<void(const firn_workspace_step &)> &each = nullptr,
          const firn_workspace_steps_options &options = FIRN_WORKSPACE_STEPS_OPTIONS_INIT)
    {
        firn_error err;
        firn_workspace_steps_options given = options;
        steps_result out(FIRN_WORKSPACE_STEPS_RESULT_INIT);
        detail::callback<const firn_workspace_step *, const firn_workspace_step &> callback(each);
        detail::guard guard(given.callbacks);
        int code =
            firn_workspace_steps(handle_.get(), &given, each ? &decltype(callback)::call : nullptr,
                                 &callback, out.owner_.get(), &err);
        guard.rethrow();
        callback.check(code, err);
        return out;
    }
    // Finishes a restore that was interrupted.
    restore_result
    resume(const firn_workspace_restore_options &options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT)
    {
        firn_error err;
        firn_workspace_restore_options given = options;
        restore_result out(FIRN_WORKSPACE_RESTORE_RESULT_INIT);
        detail::guard guard(given);
        guard.check(firn_workspace_resume(handle_.get(), &given, out.owner_.get(), &err), err);
        return out;
    }
    // Undoes what one checkpoint changed and keeps later changes.
    revert_result
    revert(const std::string &reference,
           const firn_workspace_revert_options &options = FIRN_WORKSPACE_REVERT_OPTIONS_INIT)
    {
        firn_error err;
        firn_workspace_revert_options given = options;
        revert_result out(FIRN_WORKSPACE_REVERT_RESULT_INIT);
        detail::guard guard(given);
        given.after = reference.c_str();
        guard.check(firn_workspace_revert(handle_.get(), &given, out.owner_.get(), &err), err);
        return out;
    }

    // ---- checkpoints ----

    // Newest first. options.remote: those of a remote, line by line. options.on_line is not called; see lines().
    void
    list(const std::function<void(const firn_workspace_checkpoint &)> &each,
         const firn_workspace_list_options &options = FIRN_WORKSPACE_LIST_OPTIONS_INIT)
    {
        firn_error err;
        firn_workspace_list_options given = options;
        detail::callback<const firn_workspace_checkpoint *, const firn_workspace_checkpoint &>
            callback(each);
        given.on_line = nullptr; // its ctx would be the callback
        callback.check(
            firn_workspace_list(handle_.get(), &given, &decltype(callback)::call, &callback, &err),
            err);
    }
    // Empty if there is no such checkpoint.
    checkpoint
    find(const std::string &reference)
    {
        firn_error err;
        firn_workspace_checkpoint *out = nullptr;
        int code = firn_workspace_find(handle_.get(), reference.c_str(), &out, &err);
        if (code != FIRN_NOT_FOUND) {
            detail::check(code, err);
        }
        return checkpoint(out);
    }
    // Gives a checkpoint another message.
    checkpoint
    describe(const std::string &reference, const std::string &message)
    {
        firn_error err;
        firn_workspace_checkpoint *out = nullptr;
        detail::check(firn_workspace_describe(handle_.get(), reference.c_str(),
                                              firn_bytes(message.data(), message.size()), &out,
                                              &err),
                      err);
        return checkpoint(out);
    }
    void
    tag(const std::string &name, const std::string &reference, bool may_replace = false)
    {
        firn_error err;
        detail::check(firn_workspace_tag_set(handle_.get(), name.c_str(), reference.c_str(),
                                             may_replace, nullptr, &err),
                      err);
    }
    void
    untag(const std::string &name)
    {
        firn_error err;
        detail::check(firn_workspace_tag_delete(handle_.get(), name.c_str(), &err), err);
    }
    void
    tags(const std::function<void(const firn_workspace_tag &)> &each)
    {
        firn_error err;
        detail::callback<const firn_workspace_tag *, const firn_workspace_tag &> callback(each);
        callback.check(
            firn_workspace_tag_list(handle_.get(), &decltype(callback)::call, &callback, &err),
            err);
    }
    void
    erase(const std::string &reference)
    {
        firn_error err;
        const char *one = reference.c_str();
        detail::check(
            firn_workspace_delete(handle_.get(), &one, 1, nullptr, nullptr, nullptr, &err), err);
    }

    // Reclaims the space of what no checkpoint needs; options.rekey writes an encrypted store anew, with its newest key.
    firn_workspace_gc_result
    gc(const firn_workspace_gc_options &options = FIRN_WORKSPACE_GC_OPTIONS_INIT)
    {
        firn_error err;
        firn_workspace_gc_options given = options;
        firn_workspace_gc_result out = FIRN_WORKSPACE_GC_RESULT_INIT;
        detail::guard guard(given.callbacks);
        guard.check(firn_workspace_gc(handle_.get(), &given, &out, &err), err);
        return out;
    }

    // ---- contents and differences ----

    // Compares a checkpoint with the disk. `each` may be an empty function, if only the counts are wanted.
    status_result
    status(const std::function<void(const firn_workspace_change &)> &each = nullptr,
           const firn_workspace_status_options &options = FIRN_WORKSPACE_STATUS_OPTIONS_INIT)
    {
        firn_error err;
        firn_workspace_status_options given = options;
        status_result out(FIRN_WORKSPACE_STATUS_RESULT_INIT);
        detail::callback<const firn_workspace_change *, const firn_workspace_change &> callback(
            each);
        detail::guard guard(given.callbacks);
        int code =
            firn_workspace_status(handle_.get(), &given, each ? &decltype(callback)::call : nullptr,
                                  &callback, out.owner_.get(), &err);
        guard.rethrow();
        callback.check(code, err);
        return out;
    }
    // Compares two checkpoints, or a checkpoint and the disk. The options replace a missing reference (std::nullopt):
    // by default before is "latest" and after is the disk. options.against_previous requires that before is missing.
    // `each` may be an empty function, as for status.
    diff_result
    diff(const std::optional<std::string> &before = std::nullopt,
         const std::optional<std::string> &after = std::nullopt,
         const std::function<void(const firn_workspace_difference &)> &each = nullptr,
         const firn_workspace_diff_options &options = FIRN_WORKSPACE_DIFF_OPTIONS_INIT)
    {
        firn_error err;
        firn_workspace_diff_options given = options;
        diff_result out(FIRN_WORKSPACE_DIFF_RESULT_INIT);
        detail::callback<const firn_workspace_difference *, const firn_workspace_difference &>
            callback(each);
        detail::guard guard(given.callbacks);
        given.before = before ? before->c_str() : given.before;
        given.after = after ? after->c_str() : given.after;
        int code =
            firn_workspace_diff(handle_.get(), &given, each ? &decltype(callback)::call : nullptr,
                                &callback, out.owner_.get(), &err);
        guard.rethrow();
        callback.check(code, err);
        return out;
    }
    // Compares each checkpoint with the one before it, newest first (firn_workspace_log). `compared` gets the sums of
    // each after `each` got its differences; it returns whether to go on. `each` may be an empty function.
    void
    log(const std::function<bool(const firn_workspace_diff_result &)> &compared,
        const std::function<void(const firn_workspace_difference &)> &each = nullptr,
        const firn_workspace_log_options &options = FIRN_WORKSPACE_LOG_OPTIONS_INIT)
    {
        struct told {
            const std::function<bool(const firn_workspace_diff_result &)> &compared;
            const std::function<void(const firn_workspace_difference &)> &each;
            std::exception_ptr thrown;
            bool is_enough;
            static int
            on_compared(void *ctx, const firn_workspace_diff_result *result) noexcept
            {
                told *it = static_cast<told *>(ctx);
                try {
                    it->is_enough = !it->compared(*result);
                } catch (...) {
                    it->thrown = std::current_exception();
                }
                return it->thrown || it->is_enough ? FIRN_CANCELLED : FIRN_OK;
            }
            static int
            on_difference(void *ctx, const firn_workspace_difference *difference) noexcept
            {
                told *it = static_cast<told *>(ctx);
                try {
                    it->each(*difference);
                } catch (...) {
                    it->thrown = std::current_exception();
                }
                return it->thrown ? FIRN_CANCELLED : FIRN_OK;
            }
        };
        firn_error err;
        firn_workspace_log_options given = options;
        told ctx = {compared, each, nullptr, false};
        detail::guard guard(given.callbacks);
        given.on_checkpoint = nullptr;
        given.on_difference = each ? &told::on_difference : nullptr;
        int code = firn_workspace_log(handle_.get(), &given, &told::on_compared, &ctx, &err);
        guard.rethrow();
        if (ctx.thrown) {
            std::rethrow_exception(ctx.thrown);
        }
        if (!ctx.is_enough) {
            detail::check(code, err);
        }
    }
    void
    entries(const std::string &reference,
            const std::function<void(const firn_workspace_entry &)> &each)
    {
        firn_error err;
        detail::callback<const firn_workspace_entry *, const firn_workspace_entry &> callback(each);
        callback.check(firn_workspace_entries(handle_.get(), reference.c_str(),
                                              &decltype(callback)::call, &callback, &err),
                       err);
    }
    // See workspace_reader; the workspace must live longer.
    workspace_reader
    reader()
    {
        firn_error err;
        firn_workspace_reader *handle = nullptr;
        detail::check(firn_workspace_reader_open(handle_.get(), &handle, &err), err);
        return workspace_reader(handle);
    }
    // The content of a file of a checkpoint, piece by piece.
    void
    cat(const std::string &reference, std::string_view path,
        const std::function<void(std::string_view)> &each)
    {
        firn_error err;
        detail::callback<firn_slice, std::string_view> callback(each);
        callback.check(firn_workspace_cat(handle_.get(), reference.c_str(), detail::slice(path),
                                          &decltype(callback)::write, &callback, nullptr, &err),
                       err);
    }
    std::string
    cat(const std::string &reference, std::string_view path)
    {
        std::string out;
        cat(reference, path, [&](std::string_view piece) { out += piece; });
        return out;
    }

    // ---- remotes ----

    // The content of a file of a checkpoint of a remote, read where it is.
    std::string
    remote_cat(const std::string &reference, std::string_view path,
               const std::optional<std::string> &remote = std::nullopt)
    {
        firn_error err;
        std::string out;
        std::function<void(std::string_view)> each = [&](std::string_view piece) { out += piece; };
        detail::callback<firn_slice, std::string_view> callback(each);
        callback.check(firn_remote_cat(handle_.get(), name(remote), reference.c_str(),
                                       detail::slice(path), &decltype(callback)::write, &callback,
                                       nullptr, &err),
                       err);
        return out;
    }

    // A missing name of a remote (std::nullopt) means the only one, or "origin".

    // Sends checkpoints, with their tags. The options replace missing references: by default it sends those that were
    // made since the last push.
    firn_push_result
    push(const std::optional<std::string> &remote = std::nullopt,
         const std::vector<std::string> &references = {},
         const firn_push_options &options = FIRN_PUSH_OPTIONS_INIT)
    {
        firn_error err;
        firn_push_options given = options;
        firn_push_result out = FIRN_PUSH_RESULT_INIT;
        std::vector<const char *> texts;
        for (const std::string &reference : references) {
            texts.push_back(reference.c_str());
        }
        given.references = texts.empty() ? given.references : texts.data();
        given.reference_count = texts.empty() ? given.reference_count : texts.size();
        detail::guard guard(given.callbacks);
        guard.check(firn_workspace_push(handle_.get(), name(remote), &given, &out, &err), err);
        return out;
    }
    // Brings the checkpoints of others, as "origin/latest". FIRN_CORRUPT: some could not be brought; the others are here.
    firn_pull_result
    pull(const std::optional<std::string> &remote = std::nullopt,
         const firn_pull_options &options = FIRN_PULL_OPTIONS_INIT)
    {
        firn_error err;
        firn_pull_options given = options;
        firn_pull_result out = FIRN_PULL_RESULT_INIT;
        detail::guard guard(given.callbacks);
        guard.check(firn_workspace_pull(handle_.get(), name(remote), &given, &out, &err), err);
        return out;
    }
    void
    remote_add(const std::string &name, const std::string &url, bool encrypt = false)
    {
        firn_error err;
        const auto add = encrypt ? firn_remote_add_encrypted : firn_remote_add;
        detail::check(add(handle_.get(), name.c_str(), url.c_str(), &err), err);
    }
    // Deletes also what pulls have brought from it.
    void
    remote_remove(const std::string &name)
    {
        firn_error err;
        detail::check(firn_remote_remove(handle_.get(), name.c_str(), &err), err);
    }
    // By name.
    void
    remotes(const std::function<void(const firn_remote_info &)> &each)
    {
        firn_error err;
        detail::callback<const firn_remote_info *, const firn_remote_info &> callback(each);
        callback.check(firn_remote_list(handle_.get(), &decltype(callback)::call, &callback, &err),
                       err);
    }
    // What others have pushed to a remote, and a pull has brought: "REMOTE/NAME/NUMBER" is a reference to a checkpoint of
    // the line NAME.
    void
    lines(const std::string &remote, const std::function<void(const firn_workspace_line &)> &each)
    {
        firn_error err;
        firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
        detail::callback<const firn_workspace_line *, const firn_workspace_line &> callback(each);
        options.limit = 0;
        options.remote = remote.c_str();
        options.on_line = &decltype(callback)::call;
        auto ignore = [](void *, const firn_workspace_checkpoint *) {
            return static_cast<int>(FIRN_OK);
        };
        callback.check(firn_workspace_list(handle_.get(), &options, ignore, &callback, &err), err);
    }
    // Removes from a remote what no checkpoint there needs; with options.keep, first the checkpoints that the policy does
    // not keep.
    firn_prune_result
    remote_prune(const std::optional<std::string> &remote = std::nullopt,
                 const firn_prune_options &options = FIRN_PRUNE_OPTIONS_INIT)
    {
        firn_error err;
        firn_prune_options given = options;
        firn_prune_result out = FIRN_PRUNE_RESULT_INIT;
        detail::guard guard(given.callbacks);
        guard.check(firn_remote_prune(handle_.get(), name(remote), &given, &out, &err), err);
        return out;
    }
    // Encrypts anew, with the newest master key, what a rotation has left in an encrypted remote; is_done: nothing is left, and
    // the older keys are dropped.
    firn_remote_rekey_result
    remote_rekey(const std::optional<std::string> &remote = std::nullopt,
                 const firn_remote_rekey_options &options = FIRN_REMOTE_REKEY_OPTIONS_INIT)
    {
        firn_error err;
        firn_remote_rekey_options given = options;
        firn_remote_rekey_result out = FIRN_REMOTE_REKEY_RESULT_INIT;
        detail::guard guard(given.callbacks);
        guard.check(firn_remote_rekey(handle_.get(), name(remote), &given, &out, &err), err);
        return out;
    }
    // Whether a remote has all that its checkpoints need; with options.repair, what is damaged there and whole here is sent
    // again, and with options.drop_broken what cannot be mended is removed. FIRN_CORRUPT: damage is left; notices name it.
    firn_remote_check_result
    remote_check(const std::optional<std::string> &remote = std::nullopt,
                 const firn_remote_check_options &options = FIRN_REMOTE_CHECK_OPTIONS_INIT)
    {
        firn_error err;
        firn_remote_check_options given = options;
        firn_remote_check_result out = FIRN_REMOTE_CHECK_RESULT_INIT;
        detail::guard guard(given.callbacks);
        guard.check(firn_remote_check(handle_.get(), name(remote), &given, &out, &err), err);
        return out;
    }
    // Verifies an encrypted remote, by its name or its URL, without its key: what checksums can tell. Throws likewise.
    firn_remote_check_locked_result
    remote_check_locked(
        const std::optional<std::string> &remote = std::nullopt,
        const firn_remote_check_locked_options &options = FIRN_REMOTE_CHECK_LOCKED_OPTIONS_INIT)
    {
        firn_error err;
        firn_remote_check_locked_options given = options;
        firn_remote_check_locked_result out = FIRN_REMOTE_CHECK_LOCKED_RESULT_INIT;
        detail::guard guard(given.callbacks);
        guard.check(firn_remote_check_locked(handle_.get(), name(remote), &given, &out, &err), err);
        return out;
    }
    // Who changed what in a remote, newest first; limit 0: all that it still knows.
    void
    remote_log(const std::function<void(const firn_remote_change &)> &each,
               const std::optional<std::string> &remote = std::nullopt, uint64_t limit = 0)
    {
        firn_error err;
        detail::callback<const firn_remote_change *, const firn_remote_change &> callback(each);
        callback.check(firn_remote_log(handle_.get(), name(remote), limit,
                                       &decltype(callback)::call, &callback, &err),
                       err);
    }

    // ---- keys of encrypted remotes, as those of stores (keys_list and the others) ----

    key_list
    remote_keys_list(const std::optional<std::string> &remote = std::nullopt)
    {
        firn_error err;
        key_list out;
        detail::slots slots{out.slots, nullptr};
        slots.check(firn_remote_keys_list(handle_.get(), name(remote), &detail::slots::add, &slots,
                                          &out.info, &err),
                    err);
        return out;
    }
    unsigned
    remote_keys_add(const firn_keys_secret &secret, const std::string &label = "",
                    const std::optional<std::string> &remote = std::nullopt,
                    const firn_keys_options &options = FIRN_KEYS_OPTIONS_INIT)
    {
        firn_error err;
        unsigned out = 0;
        detail::check(firn_remote_keys_add(handle_.get(), name(remote), &secret, label.c_str(),
                                           &options, &out, &err),
                      err);
        return out;
    }
    unsigned
    remote_keys_replace(const firn_keys_secret &secret, const std::string &label = "",
                        const std::optional<std::string> &remote = std::nullopt,
                        const firn_keys_options &options = FIRN_KEYS_OPTIONS_INIT)
    {
        firn_error err;
        unsigned out = 0;
        detail::check(firn_remote_keys_replace(handle_.get(), name(remote), &secret, label.c_str(),
                                               &options, &out, &err),
                      err);
        return out;
    }
    recovery_code
    remote_keys_add_recovery(const std::string &label = "",
                             const std::optional<std::string> &remote = std::nullopt,
                             const firn_keys_options &options = FIRN_KEYS_OPTIONS_INIT)
    {
        firn_error err;
        recovery_code out;
        detail::check(firn_remote_keys_add_recovery(handle_.get(), name(remote), label.c_str(),
                                                    &options, out.text_, &out.number_, &err),
                      err);
        return out;
    }
    void
    remote_keys_change(unsigned number, const firn_keys_secret &secret,
                       const std::optional<std::string> &remote = std::nullopt,
                       const firn_keys_options &options = FIRN_KEYS_OPTIONS_INIT)
    {
        firn_error err;
        detail::check(
            firn_remote_keys_change(handle_.get(), name(remote), number, &secret, &options, &err),
            err);
    }
    void
    remote_keys_remove(unsigned number, const std::optional<std::string> &remote = std::nullopt,
                       const firn_keys_options &options = FIRN_KEYS_OPTIONS_INIT)
    {
        firn_error err;
        detail::check(firn_remote_keys_remove(handle_.get(), name(remote), number, &options, &err),
                      err);
    }
    void
    remote_keys_rotate(const std::optional<std::string> &remote = std::nullopt,
                       const firn_keys_options &options = FIRN_KEYS_OPTIONS_INIT)
    {
        firn_error err;
        detail::check(firn_remote_keys_rotate(handle_.get(), name(remote), &options, &err), err);
    }
    void
    remote_keys_remember(uint32_t seconds, const std::optional<std::string> &remote = std::nullopt,
                         const firn_keys_options &options = FIRN_KEYS_OPTIONS_INIT)
    {
        firn_error err;
        detail::check(
            firn_remote_keys_remember(handle_.get(), name(remote), seconds, &options, &err), err);
    }
    size_t
    remote_keys_forget(const std::optional<std::string> &remote = std::nullopt)
    {
        firn_error err;
        size_t out = 0;
        detail::check(firn_remote_keys_forget(handle_.get(), name(remote), &out, &err), err);
        return out;
    }
    firn_workspace *
    raw() const noexcept
    {
        return handle_.get();
    }

  private:
    static const char *
    name(const std::optional<std::string> &remote) noexcept
    {
        return remote ? remote->c_str() : nullptr;
    }
    std::unique_ptr<firn_workspace, detail::close_workspace> handle_;
};

} // namespace firn

#endif
