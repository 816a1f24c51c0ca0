export function CanvasPane() {
  return <div className="canvas" />
}
