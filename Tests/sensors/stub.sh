#!/bin/sh
# Runs in the virtual machine: a BME280 made of i2c-stub registers is read by the kernel's driver and by our reader.
# Temperature and pressure are the worked example of the BMP280's data sheet (section 3.12): 25.08 °C, 100653 Pa.
set -e
for module in /modules/*; do
    case $module in *i2c-stub*) insmod "$module" chip_addr=0x76,0x77 ;; *) insmod "$module" ;; esac
done
bus=$(ls /sys/class/i2c-dev | sed -n 's/i2c-//p' | while read -r n; do grep -q stub "/sys/bus/i2c/devices/i2c-$n/name" 2>/dev/null && echo "$n"; done | head -n 1)
[ -n "$bus" ] || { echo "there is no i2c-stub"; exit 1; }
write() { i2cset -y "$bus" "$chip" "$(printf '0x%x' $(($1)))" "$(printf '0x%x' $(($2)))" b; }
word() { write "$1" $(($2 & 255)); write $(($1 + 1)) $((($2 >> 8) & 255)); }
twenty() { write "$1" $(($2 >> 12 & 255)); write $(($1 + 1)) $(($2 >> 4 & 255)); write $(($1 + 2)) $((($2 & 15) << 4)); }
fill() { # address
    chip=$1
    write 0xd0 0x60
    write 0xf3 0
    place=136
    for value in 27504 26435 -1000 36477 -10685 3024 2855 140 -7 15500 -14600 6000; do
        word $place $value
        place=$((place + 2))
    done
    write 0xa1 75
    word 0xe1 355
    write 0xe3 0; write 0xe4 0x15; write 0xe5 0x24; write 0xe6 0x03; write 0xe7 30
    twenty 0xf7 415148
    twenty 0xfa 519888
}
humidity() { chip=$1; write 0xfd $(($2 >> 8)); write 0xfe $(($2 & 255)); }
field() { sed -n "s/.*\"$1\":\([-0-9.]*\).*/\1/p"; }
# Thousandths, without a decimal point.
milli() { awk -v x="$1" 'BEGIN { printf "%d", x * 1000 + (x < 0 ? -0.5 : 0.5) }'; }
near() { # what, ours, theirs, tolerance
    difference=$(($2 - $3))
    echo "$1: ours $2, kernel $3"
    [ ${difference#-} -le "$4" ] || { echo "$1 differs by more than $4"; exit 1; }
}

fill 0x76
for raw in 25000 28000 30000 33000 36000; do
    humidity 0x76 $raw
    # i2c-stub supports only SMBus, which the program uses as its second way of access.
    ours=$(vaho-edge read "i2c:bme280@$bus:0x76" --format json)
    echo bme280 0x76 >"/sys/bus/i2c/devices/i2c-$bus/new_device"
    sleep 1
    device=$(ls -d /sys/bus/iio/devices/iio:device* | head -n 1)
    near "humidity at $raw, m%" "$(milli "$(echo "$ours" | field humidity_pct)")" "$(cut -d . -f 1 <"$device/in_humidityrelative_input")" 2
    near "temperature, m°C" "$(milli "$(echo "$ours" | field temperature_c)")" "$(cut -d . -f 1 <"$device/in_temp_input")" 1
    near "pressure, Pa" "$(($(milli "$(echo "$ours" | field pressure_hpa)") / 10))" "$(milli "$(cat "$device/in_pressure_input")")" 2
    # Our reader of the driver returns the driver's values, by name and by address.
    for name in bme280 "bme280@$bus-0076"; do
        iio=$(vaho-edge read "iio:$name" --format json)
        near "iio:$name, m%" "$(milli "$(echo "$iio" | field humidity_pct)")" "$(cut -d . -f 1 <"$device/in_humidityrelative_input")" 1
    done
    # The kernel driver has the chip: a program that wants direct access gets an error.
    if vaho-edge read "i2c:bme280@$bus:0x76" 2>/tmp/busy; then echo "the chip was read although a kernel driver uses the chip"; exit 1; fi
    grep -q 'a kernel driver uses the chip' /tmp/busy
    echo 0x76 >"/sys/bus/i2c/devices/i2c-$bus/delete_device"
done
# A chip that needs more than SMBus is not accessed through an adapter that supports only SMBus.
if vaho-edge read "i2c:sht4x@$bus:0x44" 2>/tmp/smbus; then echo "the chip was read through an adapter that supports only SMBus"; exit 1; fi
grep -q 'this adapter does SMBus only' /tmp/smbus
vaho-edge sensors
echo "all agree"
