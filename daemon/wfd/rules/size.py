"""Amounts of bytes in words."""


def size(count: int) -> str:
    """'512 bytes', '3.4 MB', '120 GB', as disks are sold."""
    power = max(0, len(str(count)) - 1) // 3
    if power == 0:
        return f"{count} bytes"
    unit = ("kB", "MB", "GB", "TB")[min(power, 4) - 1]
    amount = count / 1000 ** min(power, 4)
    return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:.0f} {unit}"
