/** Something that keyturn promises never to do was about to happen. The run stops; this is a bug to report. */
export class BrokenInvariant extends Error {
  constructor(message: string) {
    super(message);
    this.name = "BrokenInvariant";
  }
}
