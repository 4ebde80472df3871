"""How both command lines meet a shell: one way to fail, unknown names, text from stdin."""

import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NoReturn

import click
from click.exceptions import NoArgsIsHelpError

from wfd.domain.errors import BadInput, WfdError
from wfd.edge.command_map import EXAMPLES, SECTIONS, hint
from wfd.edge.words import tame

INTERRUPTED = 130
SHELLS = ("bash", "zsh", "fish")
_SHORT = 200  # characters: the first sentence of a command's help, whole


class Group(click.Group):
    """A group that names the nearest command for one that is unknown.

    `elsewhere` maps names to the modules in which their commands stand, each imported only
    when it is called for: a short command does not pay for the long ones.
    """

    # what a command becomes before it is used; set where a shell asks for completions
    dress: ClassVar[Callable[[click.Command], None] | None] = None

    def __init__(self, *args: Any, elsewhere: Mapping[str, str] | None = None, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self._elsewhere = elsewhere or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *self._elsewhere})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self._elsewhere:
            module = importlib.import_module(self._elsewhere[cmd_name])
            found: click.Command | None = getattr(module, cmd_name.replace("-", "_"))
        else:
            found = super().get_command(ctx, cmd_name)
        if found is not None:
            _add_example(found, f"{ctx.command_path} {cmd_name}")
            if Group.dress is not None:
                Group.dress(found)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """By what a person wants to do; what is in no section comes last."""
        left = self.list_commands(ctx)
        sections = [(head, names.split()) for head, names in SECTIONS.get(ctx.command_path, ())]
        sections.append(("Others" if sections else "Commands", left))
        for heading, wanted in sections:
            names = [name for name in wanted if name in left]
            left = [name for name in left if name not in names]
            if names:
                with formatter.section(heading):
                    formatter.write_dl([self._in_short(ctx, name) for name in names])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            ctx.fail(self._unknown(ctx, args[0]))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:  # nobody reads any more, which is no failure of ours
            _silence()
            return 0
        return result

    def _in_short(self, ctx: click.Context, name: str) -> tuple[str, str]:
        command = self.get_command(ctx, name)
        assert command is not None, "it is one of those that are listed"
        return name, command.get_short_help_str(_SHORT)

    def _unknown(self, ctx: click.Context, name: str) -> str:
        names = self.list_commands(ctx)
        meant = hint(ctx.command_path, names, name)
        way_out = f"did you mean '{meant}'?" if meant else f"known: {', '.join(names)}"
        return f"no command '{tame(name)}'; {way_out}"


def _add_example(command: click.Command, path: str) -> None:
    example = EXAMPLES.get(path)
    if example is not None:
        command.epilog = f"\b\nExample:\n  {example}"


def run(group: click.Group, name: str, argv: Sequence[str] | None = None) -> NoReturn:
    """Run a command line and leave with its exit code; a mistake is one sentence on stderr."""
    args = list(sys.argv[1:] if argv is None else argv)
    if sys.platform == "win32":
        sys.exit(f"{name}: Windows is not supported; run it in WSL 2")
    try:
        result = group.main(args, prog_name=name, standalone_mode=False)
        sys.exit(result if isinstance(result, int) else 0)
    except WfdError as error:
        _say(name, args, error.kind, str(error))
        sys.exit(error.exit_code)
    except click.ClickException as error:
        if not args or isinstance(error, NoArgsIsHelpError):  # a bare name shows the help
            error.show()
            sys.exit(error.exit_code)
        _say(name, args, "BadInput", _with_help(error))
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(INTERRUPTED)
    except OSError as error:
        _say(name, args, "Broken", str(error))
        sys.exit(1)


def is_completing(name: str) -> bool:
    """Whether a shell asks what could be typed, and not a person for something to be done."""
    return _completion_variable(name) in os.environ


def print_completion(group: click.Group, name: str, shell: str) -> None:
    """The script that makes a shell ask for completions."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None, "click knows all of SHELLS"
    click.echo(kind(group, {}, name, _completion_variable(name)).source())


def _completion_variable(name: str) -> str:
    return f"_{name.upper()}_COMPLETE"


def text_or_stdin(text: str) -> str:
    """The text itself, or all of stdin for '-'."""
    if text != "-":
        return text
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError:
        raise BadInput("stdin is not UTF-8 text") from None


def print_document(value: object) -> None:
    """One JSON document: indented for a person, on one line for a program."""
    from wfd.edge.document import dumps  # late: few callers want JSON

    click.echo(dumps(value, indent=2 if sys.stdout.isatty() else None))


def is_terminal() -> bool:
    return sys.stdout.isatty()


def _with_help(error: click.ClickException) -> str:
    message = error.format_message()
    context: Any = getattr(error, "ctx", None)
    if context is None:
        return message
    return f"{message.rstrip('.')}; see: {context.command_path} --help"


def _say(name: str, args: Sequence[str], kind: str, message: str) -> None:
    if "--json" in args:
        from wfd.edge.document import dumps

        click.echo(dumps({"error": {"kind": kind, "message": message}}), err=True)
    else:
        click.echo(f"{name}: {tame(message)}", err=True)


def _silence() -> None:
    """Nobody reads any more: let Python's own flush at exit find a writable place."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
