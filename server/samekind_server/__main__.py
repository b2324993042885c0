"""`python -m samekind_server`: serves, or says in one line why it cannot."""

import os
import sys


def main() -> int:
    """Exit code: 0 stopped as told, 1 could not serve, 2 wrong usage."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        from samekind.errors import SamekindError, SettingError
        from samekind_server import app, settings
    except ModuleNotFoundError as error:
        print(f'samekind serve: {error.name} is missing; install the server with pip install "samekind[server]"', file=sys.stderr)
        return 2
    try:
        app.run(settings.read(sys.argv[1:], os.environ))
    except SettingError as error:
        print(f"samekind serve: {error}", file=sys.stderr)
        return 2
    except SamekindError as error:
        print(f"samekind serve: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
