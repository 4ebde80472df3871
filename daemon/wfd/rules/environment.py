"""Which of the daemon's variables programs of a run may see: names on one list, and no others."""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

MACHINE = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_*", "TERM", "TMPDIR", "TZ",
    "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME",
)  # fmt: skip
PROXIES = (
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "FTP_PROXY",
    "http_proxy", "https_proxy", "all_proxy", "no_proxy", "ftp_proxy",
)  # fmt: skip
CERTIFICATES = (
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "PIP_CERT", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS",
    "CARGO_HTTP_CAINFO", "AWS_CA_BUNDLE", "DENO_CERT", "NIX_SSL_CERT_FILE", "HEX_CACERTS_PATH",
)  # fmt: skip
# Addresses of registries and their mirrors. No variable that is there for a token or a password.
REGISTRIES = (
    "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_FIND_LINKS", "PIP_NO_INDEX",
    "PIP_CONFIG_FILE", "PIP_PROXY",
    "UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS",
    "UV_INSECURE_HOST", "UV_PYTHON_INSTALL_MIRROR", "UV_CONFIG_FILE", "UV_OFFLINE",
    "NPM_CONFIG_REGISTRY", "npm_config_registry", "NPM_CONFIG_CAFILE", "npm_config_cafile",
    "NPM_CONFIG_PROXY", "npm_config_proxy", "NPM_CONFIG_HTTPS_PROXY", "npm_config_https_proxy",
    "NPM_CONFIG_NOPROXY", "npm_config_noproxy", "NPM_CONFIG_STRICT_SSL", "npm_config_strict_ssl",
    "NPM_CONFIG_USERCONFIG", "npm_config_userconfig",
    "YARN_REGISTRY", "YARN_NPM_REGISTRY_SERVER", "YARN_HTTP_PROXY", "YARN_HTTPS_PROXY",
    "YARN_HTTPS_CA_FILE_PATH", "YARN_ENABLE_STRICT_SSL", "COREPACK_NPM_REGISTRY",
    "BUN_CONFIG_REGISTRY",
    "GOPROXY", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GOINSECURE",
    "GOVCS", "GOFLAGS", "GOTOOLCHAIN",
    "CARGO_REGISTRIES_*_INDEX", "CARGO_REGISTRY_DEFAULT", "CARGO_SOURCE_*", "CARGO_NET_OFFLINE",
    "CARGO_NET_GIT_FETCH_WITH_CLI", "CARGO_HTTP_PROXY",
    "RUSTUP_DIST_SERVER", "RUSTUP_UPDATE_ROOT",
    "MAVEN_OPTS", "MAVEN_ARGS", "GRADLE_OPTS", "JAVA_OPTS", "JAVA_TOOL_OPTIONS", "SBT_OPTS",
    "NUGET_PACKAGES", "BUNDLE_MIRROR__*", "COMPOSER_CAFILE", "HEX_MIRROR",
)  # fmt: skip
TOOLS = (
    "JAVA_HOME", "M2_HOME", "MAVEN_HOME", "GRADLE_HOME", "GRADLE_USER_HOME", "KOTLIN_HOME",
    "ANDROID_HOME", "ANDROID_SDK_ROOT", "ANDROID_NDK_HOME", "ANDROID_USER_HOME",
    "GOPATH", "GOROOT", "GOBIN", "GOCACHE", "GOMODCACHE",
    "CARGO_HOME", "CARGO_TARGET_DIR", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN",
    "NVM_DIR", "VOLTA_HOME", "FNM_DIR", "N_PREFIX", "COREPACK_HOME", "PNPM_HOME", "BUN_INSTALL",
    "DENO_DIR", "NPM_CONFIG_CACHE", "npm_config_cache", "NPM_CONFIG_PREFIX", "npm_config_prefix",
    "YARN_CACHE_FOLDER", "PLAYWRIGHT_BROWSERS_PATH", "PUPPETEER_EXECUTABLE_PATH",
    "PUPPETEER_CACHE_DIR", "CYPRESS_CACHE_FOLDER", "ELECTRON_CACHE", "CHROME_BIN",
    "PYENV_ROOT", "UV_CACHE_DIR", "UV_PYTHON", "UV_PYTHON_INSTALL_DIR", "UV_TOOL_DIR",
    "PIP_CACHE_DIR", "POETRY_HOME", "POETRY_CACHE_DIR", "PDM_CACHE_DIR", "HATCH_CACHE_DIR",
    "PRE_COMMIT_HOME", "CONDA_EXE", "MAMBA_ROOT_PREFIX",
    "DOTNET_ROOT", "GEM_HOME", "GEM_PATH", "BUNDLE_PATH", "RBENV_ROOT", "COMPOSER_HOME",
    "ASDF_DIR", "ASDF_DATA_DIR", "MISE_DATA_DIR", "SDKMAN_DIR", "FLUTTER_ROOT", "PUB_CACHE",
    "CC", "CXX", "PKG_CONFIG_PATH", "SDKROOT", "DEVELOPER_DIR", "CCACHE_DIR",
)  # fmt: skip

# What an agent, a check and a set-up command may see alike, by what it is for.
GROUPS = {
    "the machine": MACHINE,
    "proxies": PROXIES,
    "certificates": CERTIFICATES,
    "registries": REGISTRIES,
    "where tools are": TOOLS,
}
EVERYBODY = tuple(name for names in GROUPS.values() for name in names)

# A login of a model: no pattern of `workspace.env` matches one, only its name in full.
MODELS = (
    "ANTHROPIC_*", "CLAUDE_*", "CODEX_*", "OPENAI_*", "GEMINI_*",
    "GOOGLE_API_KEY", "GOOGLE_GENAI_*", "GOOGLE_CLOUD_ACCESS_TOKEN",
)  # fmt: skip

USUAL_PATH = "/usr/local/bin:/usr/bin:/bin"


def of_commands(own: Mapping[str, str], more: Sequence[str]) -> dict[str, str]:
    """The environment of a check or a set-up command: `more` is what `workspace.env` names."""
    through = {
        name: value
        for name, value in own.items()
        if matches(name, EVERYBODY) or is_let_through(name, more)
    }
    return {"PATH": USUAL_PATH, **through, "CI": "true"}


def is_let_through(name: str, more: Sequence[str]) -> bool:
    """Whether `workspace.env` lets the variable through; a model's login by its full name alone."""
    return name in more or (matches(name, more) and not matches(name, MODELS))


def matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
