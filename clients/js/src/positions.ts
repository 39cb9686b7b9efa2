/** Of the same epoch as `other`, and not newer? Offsets have up to 19 digits, more than a number holds. */
export function isSeen(position = '', other: string | undefined): boolean {
  const [epoch, offset = ''] = position.split(':');
  const [otherEpoch, otherOffset = ''] = (other ?? '').split(':');
  return epoch === otherEpoch && offset.padStart(20) <= otherOffset.padStart(20);
}
