# SPDX-License-Identifier: MIT
set(MN_BOARD_NAME nucleo-f746zg)
set(MN_SOC stm32f7)
set(MN_CPU_FLAGS -mcpu=cortex-m7 -mthumb -mfpu=fpv5-sp-d16 -mfloat-abi=hard)
set(MN_FLASH_KB 1024)
# A line of the flash accelerator or of the L1 cache.
set(MN_ALIGN_FUNCTIONS 32)
