// SPDX-License-Identifier: Apache-2.0
//
// install/consumer.cpp: a foreign C++17 program: all of firn/firn.hpp, against an installed libfirn.
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <thread>

#include <sys/stat.h>

#include <firn/firn.hpp>

static void
require(bool condition, const char *what)
{
    if (!condition) {
        std::cerr << "not so: " << what << '\n';
        std::exit(1);
    }
}

static int
code_of(const std::function<void()> &work)
{
    try {
        work();
    } catch (const firn::error &failure) {
        require(failure.what()[0] != '\0', "an error has a text");
        return failure.code();
    }
    return FIRN_OK;
}

static void
reads_and_writes(firn::store &store)
{
    firn::keyspace users = store.open("users");
    users.put("ada", "1815");
    require(users.get("ada") == "1815" && !users.get("nobody"), "get");
    require(users.exists("ada") && !users.exists("nobody"), "exists");
    require(users.insert("grace", "1906") && !users.insert("grace", "0"), "insert");
    require(users.compare_and_put("grace", "1906", "1907") &&
                !users.compare_and_put("grace", "1906", "0"),
            "compare_and_put");
    require(!users.compare_and_put("nobody", "", "0"), "compare_and_put of what is not there");
    users.append("list", "a");
    users.append("list", "b");
    users.add("count", 40);
    users.add("count", 2);
    require(users.get("list") == "ab", "append");
    require(firn_number_of(users.get("count")->data(), 8) == 42, "add");
    users.put("", std::string_view("\0", 1));
    require(users.get("") == std::string("\0", 1), "an empty key, a NUL as value");
    users.erase("");
    users.put("short", "x", {FIRN_DURABILITY_OS, 1});
    firn::snapshot before = store.snapshot();
    firn::batch batch;
    batch.put(users, "edsger", "1930").erase(users, "ada");
    require(batch.count() == 2, "count");
    store.write(batch);
    require(!users.get("ada") && users.get("ada", before) == "1815", "snapshot");
    {
        firn::pinned year = users.get_pinned("ada", before);
        require(year && *year == "1815" && year->size() == 4, "a pinned value");
        require(!users.get_pinned("ada"), "no pinned value");
    }
    users.erase_range("c", "d");
    require(!users.exists("count"), "erase_range");
}

static void
keeps_house()
{
    firn::store store = firn::store::in_memory(64 << 20);
    firn::keyspace s = store.open("s");
    firn::batch batch;
    store.write(
        batch.put(s, "a", "1").put(s, "b", "2").add(s, "n", 40).add(s, "n", 2).append(s, "l", "x"));
    store.write(firn::batch().erase_range(s, "b", "c"));
    std::vector<std::optional<std::string>> values = s.get_many({"a", "b", "l"});
    require(values[0] == "1" && !values[1] && values[2] == "x", "get_many");
    require(firn_number_of(s.get("n")->data(), 8) == 42, "add in a batch");
    firn_store_checkpoint first = store.checkpoint("first");
    firn::transaction txn = store.begin();
    txn.add(s, "n", 1);
    uint64_t savepoint = txn.savepoint();
    txn.append(s, "l", "lost");
    txn.erase_range(s, "a", "b");
    txn.rollback_to(savepoint);
    txn.release(savepoint);
    require(code_of([&] { txn.rollback_to(savepoint); }) == FIRN_NOT_FOUND, "a released savepoint");
    txn.commit();
    require(s.get("l") == "x" && s.exists("a") && firn_number_of(s.get("n")->data(), 8) == 43,
            "savepoints");
    firn::transaction undone = store.begin();
    undone.erase(s, "a");
    undone.rollback();
    require(s.exists("a"), "rollback");
    std::string seen;
    store.diff("first", "", [&](const firn_store_difference &difference) {
        seen +=
            std::string(firn_store_difference_kind_name(difference.kind)) + " " +
            std::string(reinterpret_cast<const char *>(difference.key.data), difference.key.size);
    });
    require(seen == "changed n", "diff");
    try {
        store.diff("first", "", [](const firn_store_difference &) { throw 7; });
        require(false, "an exception of a visit is rethrown");
    } catch (int thrown) {
        require(thrown == 7, "an exception of a visit");
    }
    (void)store.checkpoint("");
    require(store.checkpoints().size() == 2 &&
                store.find_checkpoint("first")->number == first.number &&
                !store.find_checkpoint("none"),
            "checkpoints");
    store.erase_checkpoint("first");
    require(store.checkpoints().size() == 1, "erase_checkpoint");
    store.open("t");
    require(store.keyspaces() == std::vector<std::string>({"s", "t"}), "keyspaces");
    store.drop("t");
    (void)store.create_table("u", "id i64 primary key");
    store.drop_table("u");
    require(store.keyspaces().size() == 1 && code_of([&] { store.drop("t"); }) == FIRN_NOT_FOUND,
            "drop");
    store.compact();
    require(store.check().entries > 0, "check");
    require(code_of([&] { store.clone("/dev/null/x"); }) != FIRN_OK, "clone");
}

static void
walks(firn::store &store)
{
    firn::keyspace tides = store.open("tides");
    for (uint64_t i = 0; i < 5; i++) {
        tides.put(firn::key().text("brest").u64(i), std::to_string(i));
        tides.put(firn::key().text("calais").i64(-1).f64(0.5).boolean(true), "other");
    }
    std::string seen;
    firn::key brest;
    brest.text("brest");
    firn::cursor cursor = tides.cursor({std::nullopt, std::nullopt, brest});
    for (bool more = cursor.first(); more; more = cursor.next()) {
        seen += cursor.value();
    }
    require(seen == "01234", "a prefix");
    seen.clear();
    firn::key lower;
    firn::key upper;
    firn::range some;
    some.lower = lower.text("brest").u64(1);
    some.upper = upper.text("brest").u64(4);
    firn::cursor back = tides.cursor(some);
    for (bool more = back.last(); more; more = back.prev()) {
        seen += back.value();
    }
    require(seen == "321", "a range, backwards");
    require(back.seek(firn::key().text("brest").u64(2)) && back.value() == "2", "seek");
    require(back.seek_before(firn::key().text("brest").u64(2)) && back.value() == "1",
            "seek_before");
    firn::cursor moved = std::move(back);
    require(moved.next() && moved.value() == "2", "a cursor that was moved");
}

static void
transacts()
{
    firn::store store = firn::store::in_memory(16 << 20);
    firn::keyspace accounts = store.open("accounts");
    accounts.put("n", "0");
    std::thread threads[4];
    for (std::thread &thread : threads) {
        thread = std::thread([&] {
            for (int i = 0; i < 50; i++) {
                store.transact([&](firn::transaction &txn) {
                    txn.put(accounts, "n", std::to_string(std::stoi(*txn.get(accounts, "n")) + 1));
                });
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    require(accounts.get("n") == "200", "transact");
    try {
        store.transact([&](firn::transaction &txn) {
            txn.erase(accounts, "n");
            throw 7;
        });
        require(false, "what work throws is thrown on");
    } catch (int thrown) {
        require(thrown == 7 && accounts.exists("n"), "and rolls back");
    }
    firn::transaction one = store.begin();
    one.put(accounts, "n", "1");
    accounts.put("n", "2");
    require(code_of([&] { one.commit(); }) == FIRN_CONFLICT, "a conflict");
    {
        firn::transaction dropped = store.begin(FIRN_ISOLATION_SERIALIZABLE);
        dropped.put(accounts, "n", "3");
        require(dropped.cursor(accounts).first(), "a cursor of a transaction");
    }
    require(accounts.get("n") == "2", "a transaction that is destroyed is rolled back");
}

static void
asks_tables()
{
    firn::store store = firn::store::in_memory(16 << 20);
    firn::table goods =
        store.create_table("goods", "id i64 primary key, name text not null, price decimal(8, 2)");
    goods.insert({1, "tea", firn::value::decimal(320)});
    goods.insert({2, "coffee", firn::value::decimal(450)});
    goods.upsert({3, std::string("water"), nullptr});
    require(goods.update({"id", "price"}, {2, firn::value::decimal(475)}), "update");
    require(!goods.update({"id", "price"}, {9, nullptr}), "update of no row");
    std::optional<firn::row> tea = goods.get({1});
    require(tea && (*tea)[1].bytes() == "tea" && (*tea)[2].integer() == 320, "get of a row");
    require(!goods.get({7}), "get of no row");
    std::size_t found_count = 0;
    goods.get_many({{1}, {7}, {2}}, [&](std::size_t i, const std::vector<firn::value> *row) {
        require((row != nullptr) == (i != 1), "get of many rows");
        found_count += row != nullptr && (*row)[0].integer() == (i == 0 ? 1 : 2);
    });
    require(found_count == 2, "rows of get_many");
    try {
        goods.get_many({{1}, {2}}, [](std::size_t, const std::vector<firn::value> *) {
            throw std::runtime_error("enough");
        });
        require(false, "an exception was lost");
    } catch (const std::runtime_error &thrown) {
        require(thrown.what() == std::string("enough"), "an exception passes through get_many");
    }
    require(goods.add({1}, "price", firn::value::decimal(5)).integer() == 325, "add");
    require(goods.add({3}, "price", 1).is_null(), "add to null");
    goods.add({1}, "price", firn::value::decimal(-5));
    goods.insert({4, "sand", nullptr});
    goods.insert({5, "salt", nullptr});
    goods.erase_range({4}, {});
    require(!goods.get({5}) && goods.get({3}), "erase of a range");
    firn::snapshot before = store.snapshot();
    require(goods.erase({3}) && !goods.erase({3}), "erase of a row");
    std::string names;
    firn::query cheap;
    cheap.select = "name, price * 2";
    cheap.where = "price < ?";
    cheap.parameters = {firn::value(5)};
    cheap.order_by = "price desc";
    for (firn::scan found = store.open_table("goods").scan(cheap); found.next();) {
        names += std::string(found[0].bytes()) + " ";
    }
    require(names == "coffee tea ", "scan");
    firn::query names_of;
    names_of.select = "id as number, name as other";
    firn::scan named = goods.scan(names_of);
    firn::query joined;
    joined.select = "other, name";
    joined.where = "id < 3";
    joined.join = &named;
    joined.join_on = "id = number";
    std::string others;
    for (firn::scan found = goods.scan(joined); found.next();) {
        others += std::string(found[0].bytes()) + " ";
    }
    require(others == "tea coffee ", "scan with a join");
    firn::query count;
    count.select = "count(*)";
    count.at = &before;
    firn::scan counted = goods.scan(count);
    require(counted.next() && counted[0].integer() == 3 && !counted.next(), "count of a snapshot");
    firn::table points =
        store.create_table("points", "id i64 primary key, name text, at vector(2)");
    const float at[3][2] = {{0, 1}, {1, 0}, {2, 2}};
    for (int id = 0; id < 3; id++) {
        const std::string_view bytes(reinterpret_cast<const char *>(at[id]), sizeof at[id]);
        points.insert({id, id == 1 ? "east" : "other", firn::value::blob(bytes)});
    }
    firn::search_query near;
    near.k = 2;
    near.where = "id < ?";
    near.parameters = {firn::value(2)};
    near.columns = {"name"};
    firn::search_result found = points.search("at", {1, 0}, near);
    require(found.size() == 2 && found.key(0).integer() == 1 && found.distance(0) == 0 &&
                found.at(0, 0).bytes() == "east" && found.distance(1) == 1,
            "search");
    std::vector<firn::search_result> many = points.search_many("at", {1, 0, 0, 1}, 2, near);
    require(many.size() == 2 && many[0].key(0).integer() == 1 && many[1].key(0).integer() == 0 &&
                many[1].size() == 2,
            "a search for two vectors");
    require(points.search_many("at", {}, 2).empty(), "a search for no vectors");
    try {
        points.search("at", {1, 0, 0});
        require(false, "a search of another length");
    } catch (const firn::error &failure) {
        require(failure.code() == FIRN_INVALID, "the code of a search of another length");
    }
    try {
        goods.insert({1, "twice", nullptr});
        require(false, "a row was inserted twice");
    } catch (const firn::error &failure) {
        require(failure.code() == FIRN_EXISTS, "insert of a row that is there");
    }
}

static void
goes_back(firn::store &store)
{
    firn::keyspace prices = store.open("prices");
    prices.put("tea", "1");
    store.checkpoint("before");
    prices.put("tea", "2");
    firn::snapshot then = store.snapshot("before");
    require(prices.get("tea", then) == "1", "a snapshot of a checkpoint");
    store.restore("before");
    require(prices.get("tea") == "1", "restore");
    store.undo();
    require(prices.get("tea") == "2", "undo");
    require(code_of([&] { store.restore("nothing"); }) == FIRN_NOT_FOUND, "no such checkpoint");
}

static void
put_file(const std::filesystem::path &path, const std::string &content)
{
    std::ofstream file(path);
    file << content;
    require(file.good(), "a file can be written");
}

static void
compares(firn::workspace &project)
{
    std::string seen;
    firn::status_result status = project.status([&](const firn_workspace_change &change) {
        seen += firn_workspace_change_kind_name(change.kind);
        seen += " ";
        seen += firn::text((change.after != nullptr ? change.after : change.before)->path);
    });
    require(seen == "changed notes" && status->changed == 1 && status->checkpoint->number == 1,
            "status");
    require(project.status()->unchanged == 1, "status without a function");
    firn::diff_result diff = project.diff();
    require(diff->changed == 1 && diff->before->number == 1 && diff->after == nullptr,
            "the newest checkpoint and the disk");
    firn_workspace_diff_options from_first = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    from_first.before = "1";
    require(project.diff(std::nullopt, std::nullopt, nullptr, from_first)->changed == 1 &&
                project.diff("1")->changed == 1 && project.diff("1", "latest")->changed == 0,
            "references in options and in arguments");
    seen.clear();
    project.entries("1",
                    [&](const firn_workspace_entry &entry) { seen += firn::text(entry.path); });
    require(seen == "codenotes", "entries");
    require(project.cat("1", "notes") == "one", "cat");
    firn::workspace_reader reader = project.reader();
    std::string through;
    reader.entries(project.find("1")->root, [&](const firn_workspace_entry &entry) {
        if (entry.type == FIRN_ENTRY_FILE) {
            reader.cat(entry, [&](std::string_view piece) { through += piece; });
        }
    });
    require(through == "aone", "a reader");
    require(code_of([&] { (void)project.cat("1", "nothing"); }) == FIRN_NOT_FOUND,
            "cat of what is not there");
    try {
        project.entries("1", [](const firn_workspace_entry &) { throw 7; });
        require(false, "what a function throws is thrown on");
    } catch (int thrown) {
        require(thrown == 7, "as it was");
    }
}

static void
names_checkpoints(firn::workspace &project)
{
    firn::checkpoint first = project.find("1");
    require(first && first->number == 1 && firn::text(first->message) == "first", "find");
    require(!project.find("7"), "no such checkpoint");
    project.tag("v1", "1");
    require(code_of([&] { project.tag("v1", "2"); }) == FIRN_EXISTS, "a tag is not moved");
    project.tag("v2", "latest");
    std::string seen;
    project.tags([&](const firn_workspace_tag &tag) { seen += firn::text(tag.name); });
    require(seen == "v1v2" && project.find("v2")->number == 2, "tags");
    project.untag("v2");
    require(!project.find("v2"), "untag");
    require(project.describe("1", "other")->message.size == 5, "describe");
    project.describe("1", "");
    seen.clear();
    project.list([&](const firn_workspace_checkpoint &checkpoint) {
        seen += std::to_string(checkpoint.number);
    });
    require(seen == "21", "list");
    int lines = 0;
    firn_workspace_diff_options options = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    options.with_lines = true;
    firn::diff_result diff = project.diff(
        "1", "2",
        [&](const firn_workspace_difference &difference) {
            lines += static_cast<int>(difference.lines_added + difference.lines_removed);
        },
        options);
    require(lines == 2 && diff->before->number == 1 && diff->after->number == 2, "diff");
    firn_workspace_diff_options previous = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    previous.against_previous = true;
    diff = project.diff(std::nullopt, std::nullopt, nullptr, previous);
    require(diff->before->number == 1 && diff->after->number == 2 && diff->changed == 1,
            "against_previous");
    diff = project.diff(std::nullopt, "1", nullptr, previous);
    require(diff->before == nullptr && diff->added == 2, "against_previous of the first");
    require(code_of([&] { (void)project.diff("1", "2", nullptr, previous); }) == FIRN_INVALID,
            "against_previous and before");
    unsigned logged = 0;
    project.log(
        [&](const firn_workspace_diff_result &result) {
            return result.after != nullptr && ++logged < 1;
        },
        [&](const firn_workspace_difference &difference) {
            logged += difference.change.after == nullptr && difference.change.before == nullptr;
        });
    require(logged == 1, "a log that is ended");
}

static bool
throws_seven(const std::function<void()> &work)
{
    try {
        work();
    } catch (int thrown) {
        return thrown == 7;
    }
    return false;
}

static void
throw_notice(void *, const firn_notice *)
{
    throw 7;
}

static int
throw_progress(void *, const firn_progress *)
{
    throw 7;
}

static int
throw_change(void *, const firn_workspace_change *)
{
    throw 7;
}

static int
throw_conflict(void *, const firn_workspace_revert_conflict *)
{
    throw 7;
}

static int
count_changes(void *ctx, const firn_workspace_change *)
{
    ++*static_cast<int *>(ctx);
    return FIRN_OK;
}

static void
count_notices(void *ctx, const firn_notice *)
{
    ++*static_cast<int *>(ctx);
}

// The tree has the files of checkpoint 2, which is the newest.
static void
survives_callbacks(firn::workspace &project, const std::filesystem::path &tree)
{
    firn_callbacks noticing = {throw_notice, nullptr, nullptr};
    firn_callbacks progressing = {nullptr, throw_progress, nullptr};
    firn_workspace_save_options save = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_restore_options restore = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_revert_options revert = FIRN_WORKSPACE_REVERT_OPTIONS_INIT;
    firn_workspace_status_options status = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
    firn_workspace_diff_options diff = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    std::filesystem::path fifo = tree / "fifo";
    require(mkfifo(fifo.c_str(), 0600) == 0, "a fifo can be made");
    save.callbacks = status.callbacks = diff.callbacks = noticing;
    require(throws_seven([&] { (void)project.save("third", save); }) && !project.find("3"),
            "a notice that throws ends a save");
    require(throws_seven([&] { (void)project.status(nullptr, status); }) &&
                throws_seven([&] { (void)project.diff("1", std::nullopt, nullptr, diff); }),
            "and comparisons");
    int notices = 0;
    status.callbacks = {count_notices, nullptr, &notices};
    require(project.status(nullptr, status)->unchanged == 2 && notices == 1, "it gets its ctx");
    std::filesystem::remove(fifo);
    save.callbacks = restore.callbacks = progressing;
    require(throws_seven([&] { (void)project.save("third", save); }) && !project.find("3"),
            "progress that throws ends a save");
    require(throws_seven([&] { (void)project.restore("1", restore); }) &&
                project.status()->unchanged == 2,
            "and a restore");
    restore.callbacks = FIRN_CALLBACKS_INIT;
    restore.on_change = revert.on_change = throw_change;
    require(throws_seven([&] { (void)project.restore("1", restore); }) &&
                throws_seven([&] { (void)project.revert("2", revert); }) &&
                project.status()->unchanged == 2,
            "a change that throws ends a restore and a revert");
    int changes = 0;
    restore.callbacks.ctx = &changes;
    restore.on_change = count_changes;
    restore.dry_run = true;
    require(project.restore("1", restore)->changed == 1 && changes == 1, "a change gets its ctx");
    put_file(tree / "notes", "three");
    revert.on_conflict = throw_conflict;
    require(throws_seven([&] { (void)project.revert("2", revert); }), "so does a conflict");
    (void)project.restore("2");
}

static void
saves_a_directory(const std::filesystem::path &beside)
{
    std::filesystem::path tree = beside.string() + ".tree";
    std::string store = beside.string() + ".states";
    std::filesystem::remove_all(tree);
    std::filesystem::remove_all(store);
    std::filesystem::create_directories(tree);
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    options.store_path = store.c_str();
    firn::workspace project(tree.string(), options);
    require(project.root() == std::filesystem::canonical(tree).string() &&
                project.store_path() == store,
            "root and store");
    put_file(tree / "notes", "one");
    put_file(tree / "code", "a");
    firn::save_result first = project.save("first");
    require(first->is_made && first->checkpoint->files == 2, "save");
    put_file(tree / "notes", "two");
    compares(project);
    firn::save_result second = project.save("second");
    first = std::move(second);
    require(first->checkpoint->number == 2 && first->previous == 1, "a result that was moved to");
    names_checkpoints(project);
    survives_callbacks(project, tree);
    firn::restore_result restored = project.restore("1");
    firn_workspace_status_options with_first = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
    with_first.reference = "1";
    require(restored->changed == 1 && project.status(nullptr, with_first)->unchanged == 2,
            "restore");
    std::string steps;
    auto add_step = [](void *ctx, const firn_workspace_step *step) {
        *static_cast<std::string *>(ctx) +=
            std::string(firn_workspace_step_kind_name(step->kind)) + " ";
        return static_cast<int>(FIRN_OK);
    };
    firn_workspace_restore_options telling = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    telling.on_step = add_step;
    telling.callbacks.ctx = &steps;
    require(project.undo(telling)->changed == 1 && project.status()->unchanged == 2, "undo");
    require(steps == "restore ", "a step of an undo");
    require(project.steps([&](const firn_workspace_step &step) {
                       steps += step.is_redo ? "redo " : "undo ";
                   })->redo_steps == 1 &&
                steps.find("restore redo undo ") == 0,
            "steps");
    telling.on_step = [](void *, const firn_workspace_step *) -> int {
        throw std::runtime_error("step");
    };
    try {
        (void)project.redo(telling);
        require(false, "an exception at a step");
    } catch (const std::runtime_error &) {
    }
    require(project.redo()->checkpoint->number == 1, "an undo is undone");
    (void)project.restore("2");
    require(project.revert("2")->changed == 1 && project.cat("2", "notes") == "two", "revert");
    require(code_of([&] { (void)project.resume(); }) == FIRN_NOT_FOUND, "nothing to resume");
    require(code_of([&] { (void)project.restore("7"); }) == FIRN_NOT_FOUND,
            "no such checkpoint to restore");
    project.untag("v1");
    project.erase("1");
    require(!project.find("1"), "erase");
    std::filesystem::remove_all(tree);
    std::filesystem::remove_all(store);
}

static firn::workspace
opens(const std::string &tree, const std::string &store)
{
    std::filesystem::create_directories(tree);
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    options.store_path = store.c_str();
    return firn::workspace(tree, options);
}

// Two workspaces and a directory as their remote.
static void
shares_a_directory(const std::filesystem::path &beside)
{
    std::filesystem::path work = beside.string() + ".shared";
    std::string remote = (work / "remote").string();
    std::filesystem::remove_all(work);
    firn::workspace ada = opens((work / "ada").string(), (work / "ada.states").string());
    firn::workspace grace = opens((work / "grace").string(), (work / "grace.states").string());
    require(code_of([&] { (void)ada.push(); }) == FIRN_NOT_FOUND, "no remote to push to");
    std::filesystem::create_directories(remote);
    ada.remote_add("origin", remote);
    grace.remote_add("hub", remote);
    require(code_of([&] { ada.remote_add("origin", remote); }) == FIRN_EXISTS, "a name in use");
    std::string seen;
    ada.remotes([&](const firn_remote_info &info) {
        seen += std::string(info.name) + " " + info.url + " ";
        require(std::string(info.id).size() == 32 && info.not_pushed == 0, "a remote has an id");
    });
    require(seen == "origin " + remote + " ", "remotes");
    require(throws_seven([&] { ada.remotes([](const firn_remote_info &) { throw 7; }); }),
            "a function that throws ends remotes");
    std::string large;
    for (unsigned x = 1; large.size() < 1 << 20; x = x * 1664525 + 1013904223) {
        large += static_cast<char>(x >> 24);
    }
    put_file(work / "ada" / "large", large); // a remote has it in a file of its own
    put_file(work / "ada" / "notes", "one");
    (void)ada.save("first");
    put_file(work / "ada" / "notes", "two");
    (void)ada.save("second");
    firn_push_options push = FIRN_PUSH_OPTIONS_INIT;
    push.callbacks.on_progress = throw_progress;
    require(throws_seven([&] { (void)ada.push("origin", {}, push); }),
            "progress that throws ends a push");
    firn_push_result pushed = ada.push("origin", {"1"});
    require(pushed.checkpoints == 1 && pushed.objects > 0 && pushed.bytes > 0, "push of one");
    push = FIRN_PUSH_OPTIONS_INIT;
    push.bytes_per_second_max = 1 << 30;
    require(ada.push(std::nullopt, {}, push).checkpoints == 1 && ada.push().checkpoints == 0,
            "push of the others");
    require(code_of([&] { (void)ada.push("origin", {"7"}); }) == FIRN_NOT_FOUND,
            "push of no checkpoint");
    firn_pull_options pull = FIRN_PULL_OPTIONS_INIT;
    pull.callbacks.on_progress = throw_progress;
    require(throws_seven([&] { (void)grace.pull("hub", pull); }),
            "progress that throws ends a pull");
    firn_pull_result pulled = grace.pull();
    require(pulled.checkpoints == 2 && pulled.lines == 1 && pulled.skipped == 0, "pull");
    require(grace.cat("hub/latest", "notes") == "two", "a checkpoint of a remote");
    firn_workspace_list_options theirs = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    theirs.remote = "hub";
    theirs.on_line = [](void *, const firn_workspace_line *) -> int { throw 7; };
    seen.clear();
    grace.list(
        [&](const firn_workspace_checkpoint &checkpoint) {
            seen += firn::text(checkpoint.message);
            seen += " ";
        },
        theirs);
    require(seen == "second first ", "the checkpoints of a remote");
    std::string second;
    grace.lines("hub", [&](const firn_workspace_line &line) {
        second = std::string(firn::text(line.remote)) + "/" + std::string(firn::text(line.name));
    });
    require(grace.cat(second + "/2", "notes") == "two", "a line of a remote");
    require(throws_seven([&] { grace.lines("hub", [](const firn_workspace_line &) { throw 7; }); }),
            "a function that throws ends lines");
    require(code_of([&] { grace.lines("none", nullptr); }) == FIRN_NOT_FOUND, "no such remote");
    require(grace.diff("hub/latest")->removed == 2, "it is compared with the disk");
    require(grace.restore("hub/latest")->added == 2 &&
                std::filesystem::exists(work / "grace" / "notes"),
            "and restored");
    firn_prune_options prune = FIRN_PRUNE_OPTIONS_INIT;
    prune.dry_run = true;
    prune.keep = "last:1";
    firn_prune_result pruned = grace.remote_prune("hub", prune);
    require(pruned.checkpoints == 2 && pruned.packs > 0 && pruned.removed_packs == 0,
            "a prune leaves what is young");
    require(code_of([&] {
                prune.keep = "everything";
                (void)grace.remote_prune(std::nullopt, prune);
            }) == FIRN_INVALID,
            "a policy that is none");
    require(code_of([&] { (void)grace.remote_rekey("hub"); }) == FIRN_INVALID,
            "a remote in clear has no keys");
    require(grace.remote_cat("2", "notes", "hub") == "two", "a file of a remote");
    firn_remote_check_result checked = grace.remote_check("hub");
    require(checked.checkpoints == 2 && checked.damaged == 0 && checked.broken == 0,
            "a remote is checked");
    require(code_of([&] { (void)grace.remote_check_locked("hub"); }) == FIRN_INVALID,
            "a remote in clear needs no key");
    unsigned pushes = 0;
    grace.remote_log([&](const firn_remote_change &change) { pushes += change.lines > 0; }, "hub",
                     1);
    require(pushes == 1, "the log of a remote");
    grace.remote_remove("hub");
    require(!grace.find("hub/latest") &&
                code_of([&] { grace.remote_remove("hub"); }) == FIRN_NOT_FOUND,
            "a remote that was removed");
    std::filesystem::remove_all(work);
}

static int
give_key(void *ctx, const firn_keys_request *request, firn_keys_answer *answer, firn_error *)
{
    const std::string &secret = *static_cast<const std::string *>(ctx);
    if (request->attempt > 1) {
        return FIRN_NOT_FOUND;
    }
    answer->kind = FIRN_KEYS_FILE;
    answer->used = secret.size();
    std::memcpy(answer->bytes, secret.data(), secret.size());
    return FIRN_OK;
}

// The keys of a store, and of a remote.
static void
has_keys(const std::filesystem::path &beside)
{
    const std::filesystem::path work = beside.string() + ".keys";
    const std::string path = (work / "store").string();
    std::string secret(48, 'k');
    const std::string other(48, 'o');
    const firn_keys_source source = {give_key, &secret};
    firn_keys_options options = FIRN_KEYS_OPTIONS_INIT;
    options.source = &source;
    std::filesystem::remove_all(work);
    std::filesystem::create_directories(work / "tree");
    put_file(work / "tree" / "a", "about winter");
    firn_workspace_options opening = FIRN_WORKSPACE_OPTIONS_INIT;
    opening.store_path = path.c_str();
    opening.key_source = &source;
    firn::workspace project((work / "tree").string(), opening);
    (void)project.save("first");
    require(firn::keys_list(path).info.cipher == FIRN_CIPHER_NONE, "a store in clear");
    try {
        firn::keys_encrypt(path, FIRN_CIPHER_AUTOMATIC, options);
    } catch (const firn::error &failure) {
        require(failure.code() == FIRN_UNSUPPORTED, failure.what()); // there is no libsodium
        std::filesystem::remove_all(work);
        return;
    }
    require(firn::keys_list(path).info.state == FIRN_KEYS_STATE_ENCRYPTING, "keys_encrypt");
    firn_workspace_gc_options anew = FIRN_WORKSPACE_GC_OPTIONS_INIT;
    anew.callbacks.on_progress = throw_progress;
    anew.rekey = true;
    require(throws_seven([&] { (void)project.gc(anew); }), "progress that throws ends a gc");
    anew.callbacks = FIRN_CALLBACKS_INIT;
    require(project.gc(anew).rekey_left == 0, "gc with rekey");
    require(firn::keys_list(path).info.state == FIRN_KEYS_STATE_SETTLED,
            "and the change has ended");

    require(firn::keys_add(path, firn::key_file(other), "other", options) == 2, "keys_add");
    firn::recovery_code code = firn::keys_add_recovery(path, "", options);
    require(code.number() == 3 && std::strlen(code.text()) > 20, "keys_add_recovery");
    firn::recovery_code moved = std::move(code);
    require(moved.number() == 3 && std::strlen(moved.text()) > 20, "which is moved");
    firn::keys_change(path, 2, firn::key_file(other + other), options);
    firn::keys_remove(path, 3, options);
    const firn::key_list keys = firn::keys_list(path);
    require(keys.slots.size() == 2 && keys.slots[1].label == "other" &&
                keys.slots[1].kind == FIRN_KEYS_FILE && keys.slots[1].added_ns > 0,
            "keys_list");
    require(code_of([&] { firn::keys_remove(path, 9, options); }) == FIRN_NOT_FOUND,
            "a slot that is not there");
    require(code_of([&] { (void)firn::keys_add(path, firn::passphrase(""), "", options); }) ==
                FIRN_INVALID,
            "a passphrase that is none");
    firn::keys_rotate(path, options);
    require(firn::keys_replace(path, firn::key_file(secret), "", options) == 4 &&
                firn::keys_list(path).slots.size() == 1,
            "keys_replace");
    firn_keys_rekey_options rekey = FIRN_KEYS_REKEY_OPTIONS_INIT;
    rekey.source = &source;
    rekey.callbacks.on_progress = throw_progress;
    require(throws_seven([&] { (void)firn::keys_rekey(path, rekey); }),
            "progress that throws ends keys_rekey");
    rekey.callbacks = FIRN_CALLBACKS_INIT;
    const firn_keys_rekey_result left = firn::keys_rekey(path, rekey);
    require(left.left == 1 && left.packs == 1, "keys_rekey leaves packs");

    project.remote_add("origin", (work / "remote").string(), true);
    (void)project.push();
    require(project.remote_keys_list().slots.size() == 1, "remote_keys_list");
    require(project.remote_keys_add(firn::key_file(other), "ada") == 2, "remote_keys_add");
    require(project.remote_keys_add_recovery().number() == 3, "remote_keys_add_recovery");
    project.remote_keys_change(2, firn::key_file(other + other), "origin");
    project.remote_keys_remove(3);
    project.remote_keys_rotate("origin");
    require(project.remote_keys_list("origin").info.master_keys == 2, "remote_keys_rotate");
    require(code_of([&] { project.remote_keys_rotate("none"); }) == FIRN_NOT_FOUND, "no remote");
    require(project.remote_keys_replace(firn::key_file(secret)) == 4, "remote_keys_replace");
    int remembered = code_of([&] { project.remote_keys_remember(60); });
    require(remembered == FIRN_UNSUPPORTED ||
                (remembered == FIRN_OK && project.remote_keys_forget() == 1),
            "the session keyring and a remote");
    remembered = code_of([&] { firn::keys_remember(path, 60, options); });
    require(remembered == FIRN_UNSUPPORTED ||
                (remembered == FIRN_OK && firn::keys_forget(path) == 1),
            "the session keyring and a store");
    require(code_of([&] { firn::keys_decrypt(path, options); }) == FIRN_CONFLICT,
            "a store with remotes stays encrypted");
    project.remote_remove("origin");
    firn::keys_decrypt(path, options);
    require(firn::keys_list(path).info.state == FIRN_KEYS_STATE_DECRYPTING, "keys_decrypt");
    std::filesystem::remove_all(work);
}

int
main(int argc, char **argv)
{
    if (argc != 2) {
        return 2;
    }
    try {
        firn::store store(argv[1]);
        reads_and_writes(store);
        keeps_house();
        walks(store);
        transacts();
        asks_tables();
        goes_back(store);
        saves_a_directory(argv[1]);
        shares_a_directory(argv[1]);
        has_keys(argv[1]);
        store.open("users").put("ada", "1815");
        store.sync();
        {
            firn::snapshot open = store.snapshot();
            require(code_of([&] { store.close(); }) == FIRN_MISUSE,
                    "a store that is in use stays open");
        }
        store.close();
        firn::store again = firn::store(argv[1]);
        std::cout << *again.open("users").get("ada") << '\n';
        firn::store memory = firn::store::in_memory(1 << 20);
        memory.open("k").put("a", "b");
        require(code_of([] { firn::store nowhere("/dev/null/x"); }) == FIRN_NOT_FOUND,
                "a store that cannot be");
    } catch (const firn::error &failure) {
        std::cerr << firn_code_name(failure.code()) << ": " << failure.what() << '\n';
        return 1;
    }
    return 0;
}
