#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/cli/stories.py FIRN [WORD]: ways in which coding agents have destroyed work, each taken back by one command.

Each story is a kind of report that many users of agents have made in public. The agent's part is played by what it really does:
hooks that `firn hook install` wrote are read from its settings and get the events that the agent sends, and its tools are commands
of the shell and of git. Afterwards the tree has to be the one from before, to the byte, the mode, the link and the time, and git
has to say of its repositories what it said before."""
import json
import os
import sqlite3
import stat
import subprocess

from git_world import FIRN, World, check, is_whole, run_tests


class Agent:
    """A conversation of an agent in a project: its hooks, which get its events, and its shell."""

    # The settings, the names of the events, the variable with the project, and what the tool for commands is called.
    KINDS = {
        "claude": (".claude/settings.json", "UserPromptSubmit", "Stop", "PostToolUse", "CLAUDE_PROJECT_DIR", "Bash"),
        "codex": (".codex/hooks.json", "UserPromptSubmit", "Stop", "PostToolUse", None, "Bash"),
        "gemini": (".gemini/settings.json", "BeforeAgent", "AfterAgent", "AfterTool", "GEMINI_PROJECT_DIR",
                   "run_shell_command"),
    }

    def __init__(self, project, kind, *options, session=None):
        self.project = project
        file, self.before, self.after, self.tool, self.variable, self.shell = self.KINDS[kind]
        self.failed = "PostToolUseFailure" if kind == "claude" else self.tool
        self.session = session or kind + "-1"
        self.at = project.directory
        project.firn("hook", "install", kind, "-q", *options)
        with open(project.path(file), encoding="utf-8") as settings:
            self.hooks = json.load(settings)["hooks"]  # read once, at the start, as agents do

    def event(self, name, **more):
        environment = dict(self.project.environment)
        if self.variable:
            environment[self.variable] = self.project.directory
        event = {"session_id": self.session, "transcript_path": "/nowhere", "cwd": self.at, "hook_event_name": name, **more}
        for group in self.hooks.get(name, []):
            for hook in group["hooks"]:
                result = subprocess.run(["sh", "-c", hook["command"]], input=json.dumps(event), text=True, env=environment,
                                        capture_output=True, cwd=self.at if os.path.isdir(self.at) else "/", check=False)
                check(result.returncode in (0, 1), f"{name}: a hook stops the agent: {result.stderr}")

    def prompt(self, text):
        self.event(self.before, prompt=text)

    def run(self, command, expect=0):
        """A command of the shell, as a tool."""
        self.project.run("bash", "-c", command, at=self.at, expect=expect)
        event = self.failed if expect == 1 else self.tool
        self.event(event, tool_name=self.shell, tool_input={"command": command}, tool_response="")

    def stop(self):
        self.event(self.after, stop_hook_active=False, last_assistant_message="done")

    def turn(self, text, command):
        self.prompt(text)
        self.run(command)
        self.stop()


class Project(World):
    """The project of a story, and what has to be as it was."""

    def __init__(self, top):
        super().__init__(os.path.realpath(top))
        self.environment["PATH"] = os.path.dirname(FIRN) + ":" + self.environment["PATH"]

    def shell(self, command):
        """What the user does."""
        self.run("bash", "-ec", command)

    def files(self):
        """The usual project, with work that git does not have."""
        self.shell("""
            git init -q . && mkdir -p src/deep docs data
            seq 200 >src/main.c && seq 300 >src/deep/util.c && printf 'one\\r\\ntwo\\r\\n' >docs/windows.txt
            echo 'all: main' >Makefile && printf '.env\\ndata/\\n' >.gitignore && git add . && git commit -qm 'first'
            sed -i s/^100$/hundred/ src/main.c && git commit -qam 'second' && git branch topic HEAD~1
            echo TOKEN=secret >.env && head -c 70000 /dev/urandom >data/model.bin && echo 'weeks of work' >src/new.c
            echo 'not committed' >>src/deep/util.c && ln -s src/main.c entry.c && ln -s ../data docs/data
            printf '#!/bin/sh\\n' >run.sh && chmod 750 run.sh && chmod 600 .env && echo staged >staged.txt && git add staged.txt
            find . -path ./.git -prune -o -exec touch -h -d 2025-03-04T05:06:07.123456789Z {} +""")

    def tree(self):
        """All of it but the insides of repositories."""
        found = {}
        for at, directories, names in os.walk(self.directory):
            directories[:] = [name for name in directories if name != ".git"]
            for name in directories + [name for name in names if name != ".git"]:
                path = os.path.join(at, name)
                facts = os.lstat(path)
                if stat.S_ISLNK(facts.st_mode):
                    content = os.readlink(path)
                else:
                    content = "" if stat.S_ISDIR(facts.st_mode) else open(path, "rb").read()
                when = facts.st_mtime_ns if stat.S_ISREG(facts.st_mode) or stat.S_ISLNK(facts.st_mode) else 0
                found[os.path.relpath(path, self.directory)] = (stat.filemode(facts.st_mode), when, content)
        return found

    def answers(self, at):
        """What git says of a repository."""
        questions = ["status --porcelain=v2 --branch --ignored", "for-each-ref", "stash list", "log --all --reflog --format=%H",
                     "log --oneline HEAD", "diff HEAD", "reflog --format=%H:%gs"]
        whole, text = is_whole(self, at)
        check(whole, text)
        answers = [self.git(*question.split(), at=at) for question in questions]
        answers[3] = sorted(answers[3].split())  # all commits have one date
        return answers

    def state(self, *repositories):
        return {"tree": self.tree(), **{at: self.answers(self.path(at)) for at in repositories}}

    def undo_wreck(self, kind, words, *turn):
        """After a turn of an agent, one command brings back all that was."""
        agent = Agent(self, kind)
        before = self.state(".")
        agent.turn(*turn)
        self.firn(*words)
        self.compare(before, ".")

    def compare(self, before, *repositories):
        after = self.state(*repositories)
        for part, was in before.items():
            if part == "tree":
                names = [name for name in sorted(was.keys() | after[part].keys()) if was.get(name) != after[part].get(name)]
                check(not names, f"not as before: {', '.join(names)}: "
                                 f"{[(str(was.get(name))[:80], str(after[part].get(name))[:80]) for name in names[:2]]}")
            check(was == after[part], f"{part}: git says something else:\n{was}\n{after[part]}")


def test_sources_are_tidied_away(project):
    """Asked to tidy up, the agent removes the sources, with what git had never seen, and the ignored secrets."""
    project.files()
    project.undo_wreck("claude", ["undo", "--turn"], "tidy up", "rm -rf src .env data")


def test_reset_to_the_remote(project):
    """After a failed merge the agent resets to the remote branch: commits that were not pushed and all edits are lost."""
    project.files()
    project.shell("""git clone -q --bare . ../origin && git remote add origin ../origin && git clone -q ../origin ../other
                     cd ../other && echo theirs >src/main.c && git commit -qam theirs && git push -q && cd ../work
                     git stash -q && echo stashed >>Makefile && git stash -q && git stash apply -q stash@{1}
                     echo ours >src/main.c && git commit -qm ours src/main.c""")
    agent = Agent(project, "gemini")
    before = project.state(".")
    agent.prompt("add the remote and push")
    agent.run("git fetch -q origin && git merge -q origin/main", expect=None)
    agent.run("git merge --abort; git reset -q --hard origin/main && git stash clear")
    agent.stop()
    project.firn("undo", "--turn", "--git")
    project.compare(before, ".")


def test_its_own_edit_is_taken_back_with_all_others(project):
    """To take back its own edit the agent checks out everything, and so discards what the user had edited."""
    project.files()
    project.undo_wreck("codex", ["undo", "--turn"], "add a column to the table", "echo column >>Makefile; git checkout -q -- .")


def test_stash_and_clean(project):
    """The agent stashes, cleans with the ignored files, and drops the stash. The hooks' own settings go, too."""
    project.files()
    agent = Agent(project, "claude")
    before = project.state(".")
    agent.turn("revert the last commit", "git stash -q && git clean -qfdx && git stash drop -q")
    check(not os.path.exists(project.path(".claude")), "the settings were there")
    project.firn("undo", "--turn", "--git")
    project.compare(before, ".")


def test_an_orphan_branch_and_no_history(project):
    """To try the connection the agent makes an orphan branch, removes all files by git, and then the repository."""
    project.files()
    agent = Agent(project, "claude")
    before = project.state(".")
    agent.prompt("push it to the new remote")
    agent.run("git checkout -q --orphan try && git rm -rfq .")
    agent.run("rm -rf .git && git init -q . && git add . && git commit -qm start")
    agent.stop()
    project.firn("undo", "--turn", "--git")
    project.compare(before, ".")


def test_history_is_rewritten_and_collected(project):
    """A rebase drops commits, branches are deleted, and the reflog and the objects are collected at once."""
    project.files()
    project.shell("git stash -q -u && git checkout -q topic && seq 9 >topic.txt && git add . && git commit -qm work && "
                  "git checkout -q main && git stash pop -q --index")
    project.undo_wreck("codex", ["undo", "--turn", "--git"], "clean up the history",
                       "git stash -q && git reset -q --hard HEAD~1 && git branch -q -D topic && git stash drop -q && "
                       "git reflog expire --expire=now --all && git gc -q --prune=now")


def test_only_git_was_changed(project):
    """A turn changes nothing but the repository: branches and a stash are deleted. The turn before it is to stay, and its commit."""
    project.files()
    project.shell("git stash -q && git stash apply -q --index")
    agent = Agent(project, "codex")
    agent.turn("add it", "echo new >new.txt")
    agent.turn("commit it", "git add new.txt && git commit -q -m new")
    before = project.state(".")
    agent.turn("tidy the branches", "git branch -q -D topic && git stash drop -q")
    agent.turn("is that all?", "true")
    project.firn("undo", "--turn", "--git")
    project.compare(before, ".")


def test_a_commit_of_an_earlier_turn_stays(project):
    """The turn before the wreck has only committed: to go back to where the wreck began is not to undo the commit."""
    project.files()
    agent = Agent(project, "claude")
    agent.turn("commit it", "git commit -q -m staged")
    agent.turn("on a branch", "git checkout -q -b work && git tag checked")
    before = project.state(".")
    agent.turn("clean up", "rm -rf src && git checkout -q main && git branch -q -D work && git tag -d checked")
    project.firn("undo", "--turn", "--git")
    project.compare(before, ".")
    project.firn("undo", "--turn", "--git")
    check("work" not in project.git("branch"), "the turn before was not undone")
    project.firn("undo", "--turn", "--git")
    check("staged" not in project.git("log", "--format=%s"), "the first turn was not undone")


def test_files_are_moved_onto_each_other(project):
    """Files are moved to a directory that is not there: each takes the name, and the place of the one before."""
    project.files()
    project.shell("mkdir pictures && for i in 1 2 3 4 5; do head -c 5000 /dev/urandom >pictures/$i.png; done")
    project.undo_wreck("gemini", ["undo", "--turn"], "put them into an archive",
                       "for file in pictures/*.png; do mv $file archive; done; mkdir src/log && "
                       "mv src/*.c src/log && rm -rf src")


def test_a_link_is_followed(project):
    """What is removed and changed through a link is what the link leads to."""
    project.files()
    project.undo_wreck("claude", ["undo", "--turn"], "empty the documents' data",
                       "rm -rf docs/data/* && sed -i s/1/2/ entry.c && chmod -R a+w . && "
                       "ln -sfn /nowhere docs/data")


def test_replaced_everywhere(project):
    """Text is replaced in all files of the directory, those of git's repository among them."""
    project.files()
    project.undo_wreck("codex", ["undo", "--turn", "--git"], "rename it", "find . -type f -exec sed -i 's/a/b/g' {} +")


def test_line_ends_modes_and_times(project):
    """A formatter goes over everything: line ends, modes and times of all files are others, and links became files."""
    project.files()
    project.undo_wreck("gemini", ["undo", "--turn"], "format the code",
                       "sed -i 's/\\r$//' docs/windows.txt && sed -i '' entry.c 2>/dev/null; sed -i p entry.c && "
                       "chmod -R 777 src docs run.sh .env && find . -path ./.git -prune -o -exec touch {} +")


def test_a_migration_empties_the_database(project):
    """A migration drops the table of a database that a program has open, and removes its log."""
    project.files()
    database = sqlite3.connect(project.path("data/app.db"))
    database.execute("PRAGMA journal_mode=wal")
    database.execute("CREATE TABLE users (name TEXT)")
    database.executemany("INSERT INTO users VALUES (?)", [(f"user {i}",) for i in range(500)])
    database.commit()
    rows = database.execute("SELECT * FROM users").fetchall()
    agent = Agent(project, "claude")
    agent.turn("run the migrations", "python3 -c \"import sqlite3; db = sqlite3.connect('data/app.db'); "
               "db.execute('DROP TABLE users'); db.execute('CREATE TABLE users (name TEXT, mail TEXT)'); db.commit(); "
               "db.execute('PRAGMA wal_checkpoint(TRUNCATE)')\"")
    database.close()
    project.firn("undo", "--turn")
    database = sqlite3.connect(project.path("data/app.db"))
    check(database.execute("PRAGMA integrity_check").fetchall() == [("ok",)], "the database is damaged")
    check(database.execute("SELECT * FROM users").fetchall() == rows, "rows are lost")
    database.close()


def test_only_the_last_tool_was_wrong(project):
    """A turn of useful edits ends with a file that is written anew, most of it left out; the edits are to stay."""
    project.files()
    agent = Agent(project, "claude", "--tools")
    agent.prompt("add the flag")
    agent.run("echo flag >>Makefile")
    agent.run("echo flag >>src/new.c")
    before = project.state(".")
    agent.run("printf 'TOKEN=\\n' >.env && echo '// the rest as before' >src/main.c")
    agent.stop()
    project.firn("undo")
    project.compare(before, ".")


def test_a_command_that_fails_half_way(project):
    """A command fails after it has removed things; the agent goes on with other work, which is to stay."""
    project.files()
    agent = Agent(project, "claude", "--tools")
    agent.prompt("build it")
    agent.run("rm -rf src/deep && false", expect=1)
    agent.run("echo notes >notes.txt && echo more >>Makefile")
    agent.stop()
    saved = [row["number"] for row in project.checkpoints() if row["message"] == "Claude Code, Bash: build it"]
    project.firn("revert", str(saved[-1]))
    check("more" in project.read("Makefile") and os.path.exists(project.path("notes.txt")), "later work is lost")
    check(os.path.exists(project.path("src/deep/util.c")), "it is not restored")


def test_interrupted_and_asked_why(project):
    """The user interrupts the turn, for which there is no event, and asks why; the answer changes nothing."""
    project.files()
    agent = Agent(project, "claude")
    before = project.state(".")
    agent.prompt("simplify")
    agent.run("rm -rf src docs")
    agent.prompt("why did you do that?")
    agent.stop()
    project.firn("undo", "--turn")
    project.compare(before, ".")


def test_one_of_two_agents(project):
    """Two agents work in one directory; one of them removes things, and the work of the other is to stay."""
    project.files()
    one, two = Agent(project, "claude", "--tools"), Agent(project, "codex", "--tools")
    one.prompt("remove what is unused")
    two.prompt("write the manual")
    two.run("echo chapter one >docs/manual.txt")
    one.run("rm -rf src Makefile")
    two.run("echo chapter two >>docs/manual.txt")
    one.stop()
    two.run("echo chapter three >>docs/manual.txt")
    two.stop()
    project.firn("revert", "@unused")
    check(open(project.path("docs/manual.txt"), encoding="utf-8").read().count("chapter") == 3, "the other's work is lost")
    check(os.path.exists(project.path("src/deep/util.c")) and os.path.exists(project.path("Makefile")), "not reverted")


def test_a_nested_repository_and_its_backup(project):
    """The repository of a part of the project is set aside, made anew, and the one that was set aside is removed."""
    project.files()
    project.shell("mkdir lib && cd lib && git init -q . && seq 9 >lib.c && git add . && git commit -qm lib && git branch mine && "
                  "echo edited >>lib.c")
    agent = Agent(project, "gemini")
    before = project.state(".", "lib")
    agent.prompt("mend the submodule")
    agent.run("mv lib/.git lib/.git.bak && git -C lib init -q")
    agent.run("rm -rf lib/.git.bak")
    agent.stop()
    project.firn("undo", "--turn", "--git")
    project.compare(before, ".", "lib")


def test_the_worktree_of_a_subagent(project):
    """The worktree of a subagent is removed by force, with all that was not committed in it."""
    project.files()
    agent = Agent(project, "claude")
    project.shell("git worktree add -q .claude/worktrees/keen -b keen && cd .claude/worktrees/keen && echo more >>src/main.c && "
                  "echo 'an epic' >epic.c")
    before = project.state(".", ".claude/worktrees/keen")
    agent.turn("merge it", "git worktree remove --force .claude/worktrees/keen && git branch -q -D keen")
    project.firn("undo", "--turn", "--git")
    project.compare(before, ".", ".claude/worktrees/keen")


def test_from_another_directory(project):
    """The conversation is resumed below the project, and its commands lead out of there."""
    project.files()
    agent = Agent(project, "codex")
    before = project.state(".")
    agent.turn("first", "true")
    agent.at = project.path("src", "deep")
    agent.turn("remove the generated files", "cd ../.. && rm -rf docs data src/*.c")
    project.firn("undo", "--turn", at=project.path("src"))
    project.compare(before, ".")


def test_all_of_the_project(project):
    """The project's directory is removed, with its repository. Hooks run in a directory that is gone."""
    project.files()
    agent = Agent(project, "claude")
    before = project.state(".")
    agent.turn("clone it again", "cd .. && rm -rf work")
    hint = project.firn_tells("undo", "--turn", at=project.top, expect=3)
    project.run("sh", "-c", hint.rsplit("git repositories: ", 1)[1].strip() + " --git", at=project.top)
    project.compare(before, ".")


run_tests(globals(), Project)
